//! The gateway's two listening sides: ingress, where providers post events, and admin.
//!
//! [`serve`] runs a [`Service`] on a bound listener and does everything about connections: caps,
//! timeouts, HTTP/1.1 and HTTP/2, the graceful end. The services do everything about requests.
//! [`IngressBackend`] and [`AdminBackend`] are what the services need of the gateway.

mod access;
mod admin;
mod arrival;
mod body;
mod budget;
mod conditions;
mod connection;
mod context;
mod denied;
mod farewell;
mod forwarded;
mod frames;
mod handshake;
mod head;
mod heads;
mod held;
mod http1;
mod http2;
mod idle;
mod ingress;
mod ingress_backend;
mod kept;
mod layers;
mod limits;
mod listener;
mod network;
mod opening;
mod operator;
mod peers;
mod per_address;
mod proxy_header;
mod redirect;
mod refusal;
mod rejections;
mod response;
mod secured;
mod service;
mod strict;
mod tap;
#[cfg(test)]
mod tests;
mod transport;
mod watched;

pub(crate) use access::is_of_another_site;
pub use admin::{Admin, AdminBackend, Readiness};
pub use ingress::Ingress;
pub use ingress_backend::{IngressBackend, SenderRules};
pub(crate) use kept::is_harmless;
pub use layers::{Layers, LayersOf};
pub use limits::Limits;
pub use listener::serve;
pub use operator::Operator;
pub use redirect::Redirect;
pub use refusal::{HandshakeFault, Refusal};
pub use rejections::{Rejected, Rejections};
pub use secured::Secured;
pub use service::{Caller, Request, Response, Service};
pub use strict::Breach;
pub(crate) use tap::{OpenTap, Tapped, Taps, Wanted, WantedSource};
