//! The tools of the scenarios.

mod acme;
mod clock;
mod collector;
mod commands;
mod compiled;
mod counted;
mod disk;
mod eventually;
mod failing_disk;
mod front_proxy;
mod gateway;

mod http;
mod ledger;
mod load;
mod manifest;
mod parallel;
mod patch;
mod preload;
mod prometheus;
mod receiver;
mod recording;
mod rejecting;
mod site;
mod stranger;
mod stripe;
mod tls;
mod tls_client;
mod upstream;
mod vectors;
mod wasi;

pub(crate) use acme::{AcmeServer, EXTERNAL};
pub(crate) use clock::WallClock;
pub(crate) use collector::{Collector, Span, variables};
pub(crate) use commands::{run, try_run};
pub(crate) use counted::{audit_counted, counted_event, counting_site};
pub(crate) use disk::Disk;
pub(crate) use eventually::{eventually, reaches, skip, stays, until};
pub(crate) use failing_disk::{DiskFault, FailingDisk};
pub(crate) use front_proxy::{FrontProxy, Software};
pub(crate) use gateway::{Gateway, Launch};

pub(crate) use http::{Answer, Connection, connect, get, post, request};
pub(crate) use ledger::{Attempt, Ledger};
pub(crate) use load::{Load, LoadReport, Target};
pub(crate) use manifest::{Handler, Manifest};
pub(crate) use parallel::each;
pub(crate) use patch::trapping;
pub(crate) use prometheus::{Prometheus, has_prometheus, promtool};
pub(crate) use receiver::{Receiver, Reply};
pub(crate) use recording::{Entry, Recorder, Recording};
pub(crate) use rejecting::rejecting;
pub(crate) use site::{Site, component, digest, variant};
pub(crate) use stranger::{Stranger, frame, preface, resets};
pub(crate) use stripe::{Event, PATH, SECRET, hmac_sha256, now, sign};
pub(crate) use tls::Authority;
pub(crate) use tls_client::TlsClient;
pub(crate) use upstream::{Reaction, Upstream};
pub(crate) use vectors::{
    Vector, sign_vector, signed_body, signed_request, signed_url, tollgate, vectors, verify,
};
pub(crate) use wasi::{embedded, wasi_guest};
