//! The exporters of OpenTelemetry's crate, over gRPC or HTTP.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opentelemetry_otlp::tonic_types::transport::{Certificate, ClientTlsConfig};
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, SpanExporter, WithExportConfig, WithHttpConfig,
    WithTonicConfig,
};

use super::client::ExportClient;
use super::settings::{Export, Protocol};

/// An exporter of spans. To be called within the runtime that drives the exporter.
pub(super) fn of_spans(export: Export) -> Result<SpanExporter, ExporterBuildError> {
    let builder = SpanExporter::builder();
    match export.protocol {
        Protocol::Http => builder
            .with_http()
            .with_http_client(ExportClient::new())
            .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
            .with_timeout(export.timeout)
            .build(),
        Protocol::Grpc if export.secured => builder
            .with_tonic()
            .with_tls_config(tls())
            .with_timeout(export.timeout)
            .build(),
        Protocol::Grpc => builder.with_tonic().with_timeout(export.timeout).build(),
    }
}

/// An exporter of log records. To be called within the runtime that drives the exporter.
pub(super) fn of_logs(export: Export) -> Result<LogExporter, ExporterBuildError> {
    let builder = LogExporter::builder();
    match export.protocol {
        Protocol::Http => builder
            .with_http()
            .with_http_client(ExportClient::new())
            .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
            .with_timeout(export.timeout)
            .build(),
        Protocol::Grpc if export.secured => builder
            .with_tonic()
            .with_tls_config(tls())
            .with_timeout(export.timeout)
            .build(),
        Protocol::Grpc => builder.with_tonic().with_timeout(export.timeout).build(),
    }
}

/// TLS that trusts the certificates that the system trusts.
fn tls() -> ClientTlsConfig {
    let found = rustls_native_certs::load_native_certs();
    let roots = found
        .certs
        .iter()
        .map(|root| Certificate::from_pem(pem(root)));
    ClientTlsConfig::new().ca_certificates(roots)
}

/// A certificate as PEM, which is all that tonic takes.
fn pem(certificate: &[u8]) -> String {
    let text = STANDARD.encode(certificate);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}
