//! The files of handlers. This package makes a component out of a core module, and reads facts
//! about a file. The package compiles and runs nothing.

mod facts;
mod features;
mod strip;
mod wrap;

pub use facts::{Facts, Import};
pub use features::{Feature, unusual};
pub use strip::without_debug_info;
pub use wrap::{WrapError, to_component};
