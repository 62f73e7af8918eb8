//! The world `tollgate:handler/handler`, as this program knows it.

use std::path::PathBuf;

use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::{PackageId, Resolve, SourceMap, WorldId};

use crate::embedded;
use crate::error::BuildError;

/// A handler that asks while it runs.
const ASKING: &str = "package tollgate:asking;
world asking-handler {
    include tollgate:handler/handler@0.1.0;
    include tollgate:ask/ask@0.1.0;
}";

/// The WIT package of this program, with its world.
pub(crate) fn resolve() -> (Resolve, WorldId) {
    let mut resolve = Resolve::default();
    // The folders below have packages of their own.
    let own = embedded::below("wit").filter(|(name, _)| !name.contains('/'));
    let package = push(&mut resolve, own);
    let world = resolve.select_world(&[package], Some("handler"));
    (resolve, world.expect("the package has this world"))
}

/// The world of a handler that asks by `tollgate:ask`.
fn resolve_asking() -> (Resolve, WorldId) {
    let (mut resolve, _) = resolve();
    push(&mut resolve, embedded::below("wit/ask"));
    let package = push(
        &mut resolve,
        std::iter::once(("asking.wit", ASKING.as_bytes())),
    );
    let world = resolve.select_world(&[package], Some("asking-handler"));
    (resolve, world.expect("the package has this world"))
}

/// Adds a package, whose own packages are there already.
pub(crate) fn push<'f>(
    resolve: &mut Resolve,
    files: impl Iterator<Item = (&'f str, &'f [u8])>,
) -> PackageId {
    let mut sources = SourceMap::new();
    for (name, bytes) in files {
        let text = String::from_utf8_lossy(bytes).into_owned();
        sources.push(&PathBuf::from(name), text);
    }
    let group = sources.parse().expect("a test parses the package");
    resolve.push_group(group).expect("a test resolves it")
}

/// Adds the world to a core module that does not name one. `asks` says whether the module imports
/// `tollgate:ask`.
///
/// # Errors
/// The bytes are no core module.
pub(crate) fn embed(module: &mut Vec<u8>, asks: bool) -> Result<(), BuildError> {
    let (resolve, world) = match asks {
        true => resolve_asking(),
        false => resolve(),
    };
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
        let (asking, world) = resolve_asking();
        assert_eq!(asking.worlds[world].exports.len(), 1);
    }
}
