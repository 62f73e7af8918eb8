//! Merges the core modules of a component into few.
//!
//! The toolchains of Python and JavaScript link shared libraries: a component has a core module for
//! each of them, and all modules share one memory and one table. Each fresh instance of such a
//! component has to resolve each function that one module imports from another; that takes longer
//! than the handler itself. Which module imports what is written in the component, so the modules
//! can be merged when the component is built.
//!
//! A merge changes no behaviour:
//! - A module with a start function, or with two instances, is not merged. So no code of a merged
//!   module runs while modules are instantiated, and only the order of segments could matter: the
//!   order is kept. If a module that stays outside runs code or writes segments between those that
//!   would be merged, nothing is merged.
//! - Nothing is merged either if a resource has a destructor, whose index would change.
//! - A module that imports what needs a merged module first (a function of the host that reads the
//!   guest's memory) stays outside.
//! - The result is validated.
//!
//! Functions that nothing can call are left out, and globals that nothing changes become constants.

mod constants;
mod direct;
mod effects;
mod entity;
mod error;
mod indexes;
mod link;
mod live;
mod module;
mod names;
mod plan;
mod renumber;
mod rewrite;
mod scope;
#[cfg(test)]
mod tests;
mod write;

use wasmparser::Validator;

pub use error::MergeError;

use rewrite::merge_scope;

/// The component with merged core modules. `None` if there is nothing to merge.
///
/// # Errors
/// The bytes are no component, or the component has what this function does not know.
pub fn merge_modules(component: &[u8]) -> Result<Option<Vec<u8>>, MergeError> {
    scope::refuse_shared_modules(component)?;
    let Some(merged) = merge_scope(component)? else {
        return Ok(None);
    };
    let validated = Validator::new().validate_all(&merged);
    validated.map_err(MergeError::Invalid)?;
    Ok(Some(merged))
}
