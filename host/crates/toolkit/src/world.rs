//! The world `tollgate:handler/handler`, as this program knows it.

use std::path::PathBuf;

use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, SourceMap, WorldId};

use crate::embedded;
use crate::error::BuildError;

/// The WIT package of this program, with its world.
pub(crate) fn resolve() -> (Resolve, WorldId) {
    let mut sources = SourceMap::new();
    // The folder below has a package of its own.
    for (name, bytes) in embedded::below("wit").filter(|(name, _)| !name.contains('/')) {
        let text = String::from_utf8_lossy(bytes).into_owned();
        sources.push(&PathBuf::from(name), text);
    }
    let mut resolve = Resolve::default();
    let group = sources.parse().expect("a test parses the package");
    let package = resolve.push_group(group).expect("a test resolves it");
    let world = resolve.select_world(&[package], Some("handler"));
    (resolve, world.expect("the package has this world"))
}

/// Adds the world to a core module that does not name one.
///
/// # Errors
/// The bytes are no core module.
pub(crate) fn embed(module: &mut Vec<u8>) -> Result<(), BuildError> {
    let (resolve, world) = resolve();
    let embedded = embed_component_metadata(module, &resolve, world, StringEncoding::UTF8);
    embedded.map_err(|error| {
        BuildError::wrong(format!("the core module cannot be read: {error:#}"), "")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_has_its_world() {
        let (resolve, world) = resolve();
        assert_eq!(resolve.worlds[world].exports.len(), 1);
    }
}
