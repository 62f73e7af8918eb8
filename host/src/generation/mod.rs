//! Generations: a generation is a manifest with its components, compiled, linked and tried out.
//!
//! A generation is built whole beside the one that serves, and swapped in whole. Work that began on
//! a generation keeps the generation alive until the work ends.
//!
//! The way of a reload: [`watch`] notices a change, [`read`] reads the manifest, [`load`] and
//! [`build`] make a generation, [`fixtures`] try its components out, and [`swap`] lets it serve.
//! [`last_good`] keeps a copy for a start with a broken manifest. A component that replaces another
//! is on trial ([`trials`]); if it breaks down, [`roll_back`] lets the component before serve.

mod build;
mod by_hand;
mod code;
mod component_status;
mod component_store;
mod error;
pub mod fixtures;
mod folders;
mod handler;
mod history;
mod last_good;
mod load;
mod loaded;
mod read;
mod reloader;
mod retry;
mod roll_back;
mod select;
mod signature;
mod swap;
mod trials;
mod watch;

pub(crate) use build::prepare;
pub use build::{Builder, check, kept_out};
pub(crate) use by_hand::{ByHandError, RollBackRequest};
pub use code::{Code, read_file};
pub use component_status::{Cause, ComponentStatus, RolledBack, Said};
pub(crate) use component_store::ComponentStore;
pub use error::{CheckError, GenerationError, HandlerError, HandlerErrorReason};
pub use handler::LoadedHandler;
pub(crate) use history::{LoadAttempt, LoadOutcome};
pub(crate) use last_good::LastGood;
pub(crate) use load::Loader;
pub use loaded::{Generation, Origin};
pub use read::{Env, LoadError};
pub(crate) use read::{ManifestSource, ReadManifest, read_manifest};
pub(crate) use reloader::{ReloadHandle, Reloader, ReloaderParts};
pub(crate) use signature::{Signature, signature_of};
pub(crate) use swap::Current;
