//! The files of handlers. This package makes a component out of a core module, merges the core
//! modules of a component, and reads facts about a file. The package compiles and runs nothing.

mod facts;
mod features;
mod merge;
mod strip;
mod wrap;

pub use facts::{Facts, Import};
pub use features::{Feature, unusual};
pub use merge::{MergeError, merge_modules};
pub use strip::without_debug_info;
pub use wrap::{WrapError, to_component};
