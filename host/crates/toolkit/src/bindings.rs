//! Bindings for the world, by the generators of wit-bindgen.

use std::fs;
use std::path::Path;

use wit_bindgen_core::{Files, WorldGenerator};

use crate::error::BuildError;
use crate::world;

/// Writes the bindings for C into a folder: `handler.h`, `handler.c`, `handler_component_type.o`.
pub(crate) fn write_c(folder: &Path) -> Result<(), BuildError> {
    write(wit_bindgen_c::Opts::default().build(), folder)
}

fn write(mut generator: Box<dyn WorldGenerator>, folder: &Path) -> Result<(), BuildError> {
    let (mut resolve, world) = world::resolve();
    let mut files = Files::default();
    let generated = generator.generate(&mut resolve, world, &mut files);
    generated.map_err(|error| BuildError::wrong(format!("no bindings: {error:#}"), ""))?;
    for (name, bytes) in files.iter() {
        let file = folder.join(name);
        let into = file.parent().unwrap_or(folder);
        fs::create_dir_all(into).map_err(BuildError::file(into))?;
        // A file that is the same keeps its time, so that compilers keep their results.
        if fs::read(&file).is_ok_and(|present| present == bytes) {
            continue;
        }
        fs::write(&file, bytes).map_err(BuildError::file(&file))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bindings_are_written() {
        let folder = tempfile::tempdir().unwrap();
        write_c(&folder.path().join("c")).unwrap();
        assert!(folder.path().join("c/handler.h").exists());
        assert!(folder.path().join("c/handler_component_type.o").exists());
    }
}
