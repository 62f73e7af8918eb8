//! WebAssembly's text format.

use crate::context::Build;
use crate::error::BuildError;
use crate::toolchain::{Part, Toolchain};

/// WebAssembly's text format. This program itself reads it: there is no toolchain to install.
pub(crate) struct Wat;

impl Toolchain for Wat {
    fn name(&self) -> &'static str {
        "wat"
    }

    fn marks(&self) -> &'static [&'static str] {
        &["handler.wat"]
    }

    fn parts(&self) -> &'static [Part] {
        &[
            Part::Template("common"),
            Part::Template("wat"),
            Part::Wit("wit"),
        ]
    }

    fn build(&self, build: &Build<'_>) -> Result<Vec<u8>, BuildError> {
        let file = build.folder.join("handler.wat");
        // The message has the file, the line and a caret.
        let parsed = wat::parse_file(&file);
        parsed.map_err(|error| BuildError::wrong(error.to_string(), ""))
    }

    fn how_to_export(&self) -> &'static str {
        "write `(func (export \"handle\") (param $event i32) (result i32) …)`: the parameter is \
         the address of the event's record, the result that of the answer"
    }
}
