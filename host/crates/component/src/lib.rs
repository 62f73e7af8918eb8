//! The files that handlers are made of: makes a component out of a core module, and tells what is
//! in a file. Compiles and runs nothing.

mod facts;
mod features;
mod wrap;

pub use facts::{Facts, Import};
pub use features::{Feature, unusual};
pub use wrap::{WrapError, to_component};
