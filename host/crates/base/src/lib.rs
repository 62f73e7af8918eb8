//! The small parts that every other package of Tollgate uses: time, events and their names,
//! patterns, rates, JSON, secrets, files. Nothing here knows a provider, a database or a guest.

pub mod der;
pub mod event;
pub mod failpoint;
pub mod files;
pub mod globs;
pub mod histogram;
pub mod json;
pub mod machine;
pub mod origin;
pub mod printable;
pub mod quantity;
pub mod random;
pub mod rate;
pub mod rfc3339;
pub mod secret;
pub mod suggest;
pub mod thread;
pub mod time;
