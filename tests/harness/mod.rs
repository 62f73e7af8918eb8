//! What the scenarios are played with.

mod disk;
mod eventually;
mod failing_disk;
mod gateway;
mod hands;
mod http;
mod ledger;
mod load;
mod manifest;
mod patch;
mod preload;
mod receiver;
mod recording;
mod site;
mod stripe;
mod tls;

pub(crate) use disk::Disk;
pub(crate) use eventually::{eventually, reaches, skip, stays, until};
pub(crate) use failing_disk::{DiskFault, FailingDisk};
pub(crate) use gateway::{Gateway, Launch};
pub(crate) use hands::Hands;
pub(crate) use http::{Answer, Connection, get, post, request};
pub(crate) use ledger::{Attempt, Ledger};
pub(crate) use load::{Load, Report, Target};
pub(crate) use manifest::{Handler, Manifest};
pub(crate) use patch::trapping;
pub(crate) use receiver::{Receiver, Reply};
pub(crate) use recording::{Entry, Recorder, Recording};
pub(crate) use site::{Site, component, digest, variant};
pub(crate) use stripe::{Event, PATH, SECRET, hmac_sha256, now, sign};
pub(crate) use tls::Authority;
