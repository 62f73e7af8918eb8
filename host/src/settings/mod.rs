//! The settings of a gateway: the plain types that the manifest is parsed into.
//!
//! Nothing here reads TOML. The parser (`manifest`) makes these values after it has found no
//! mistake. Every other part of the gateway reads these values. The doc of each setting with a
//! default says the default.

mod acme;
mod admin_token;
mod alert;
mod allow;
mod allow_from;
mod breaker;
mod contact;
mod expiry;
mod handler;
mod ledger;
mod manifest;
mod network;
mod order;
mod outbox;
mod plugins;
mod project;
mod rejections;
mod reload;
mod resolve;
mod retry;
mod route;
mod senders;
mod server;
mod show;
mod source;
mod strict;
mod tls;

pub use acme::{Acme, Challenge, ExternalAccount};
pub use admin_token::{ADMIN, AdminToken, Role};
pub use alert::{Alert, AlertReceiver, Alerts, Condition, NoticeFormat, Severity};
pub use allow::Allow;
pub use allow_from::AllowFrom;
pub use breaker::BreakerSettings;
pub use contact::Contact;
pub use expiry::SecretState;
pub(crate) use expiry::certificate_warning;
pub use handler::{Handler, OnTrap};
pub use ledger::LedgerSettings;
pub(crate) use manifest::LOCAL_LEDGER;
pub use manifest::Manifest;
pub use network::{Network, NetworkError};
pub use order::{OnBlock, OrderBy, OrderSettings, SupersedeBy};
pub(crate) use outbox::without_port;
pub use outbox::{HostLimit, HostLimits, OutboxSettings};
pub use plugins::Plugins;
pub(crate) use project::ProjectSettings;
pub use rejections::RejectionSettings;
pub use reload::{Reload, Watch};
pub use resolve::{Mode, Resolve};
pub use retry::RetryPolicy;
pub use route::Route;
pub use server::{BacklogLimits, PerAddress, Redirect, Server};
pub use source::Source;
pub use strict::Strict;
pub use tls::{CertificateFile, ClientAuthorities, ClientCertificate, Tls};
