//! The two text formats of metrics, and which of them a request asks for.

use http::{HeaderMap, header};

/// A text format of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// The value of `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => prometheus_client::encoding::prometheus_text::CONTENT_TYPE,
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The format that a request's `Accept` prefers. OpenMetrics if both are equally welcome; the
    /// older format for clients that name neither, such as a browser.
    pub fn asked_for(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(header::ACCEPT).iter();
        let texts = accepted.filter_map(|value| value.to_str().ok());
        let mut best = (0, 0);
        for range in texts.flat_map(|text| text.split(',')) {
            let weight = weight(range);
            match essence(range).as_str() {
                "application/openmetrics-text" if is_known_version(range) => {
                    best.0 = weight.max(best.0);
                }
                "text/plain" => best.1 = weight.max(best.1),
                _ => {}
            }
        }
        match best {
            (0, _) => Self::Prometheus,
            (open, plain) if open >= plain => Self::OpenMetrics,
            _ => Self::Prometheus,
        }
    }
}

/// The media type of a range, without parameters.
fn essence(range: &str) -> String {
    let name = range.split(';').next().unwrap_or_default();
    name.trim().to_ascii_lowercase()
}

/// The value of a parameter.
fn parameter<'t>(range: &'t str, name: &str) -> Option<&'t str> {
    range.split(';').skip(1).find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        let fits = key.trim().eq_ignore_ascii_case(name);
        fits.then(|| value.trim().trim_matches('"'))
    })
}

fn is_known_version(range: &str) -> bool {
    matches!(parameter(range, "version"), None | Some("1.0.0" | "0.0.1"))
}

/// The quality of a range in thousandths (RFC 9110, section 12.4.2).
fn weight(range: &str) -> u32 {
    let Some(quality) = parameter(range, "q") else {
        return 1_000;
    };
    let quality = quality.parse::<f64>().unwrap_or(0.0);
    (quality.clamp(0.0, 1.0) * 1_000.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(accept: &[&'static str]) -> Format {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(header::ACCEPT, value.parse().unwrap());
        }
        Format::asked_for(&headers)
    }

    #[test]
    fn prometheus_gets_open_metrics() {
        // Prometheus 2.42 and 3.
        for accept in [
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;\
             q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3",
            "Application/OpenMetrics-Text; Version=\"1.0.0\"",
        ] {
            assert_eq!(asked(&[accept]), Format::OpenMetrics, "{accept}");
        }
        assert_eq!(
            asked(&["text/plain;q=0.5", "application/openmetrics-text;q=0.5"]),
            Format::OpenMetrics
        );
    }

    #[test]
    fn others_get_the_older_format() {
        for accept in [
            "",
            "*/*",
            "text/plain;version=0.0.4",
            "text/html,application/xhtml+xml,*/*;q=0.8",
            "application/openmetrics-text;q=0, text/plain",
            "application/openmetrics-text;version=2.0.0",
            "application/openmetrics-text;q=0.2, text/plain;q=0.9",
            "application/openmetrics-text;q=junk",
        ] {
            assert_eq!(asked(&[accept]), Format::Prometheus, "{accept}");
        }
        assert_eq!(asked(&[]), Format::Prometheus);
    }
}
