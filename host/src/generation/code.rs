//! The bytes of a handler's component.

use std::io;

use crate::generation::component_status::ComponentStatus;
use crate::settings::Handler;
use tollgate_base::files::read_regular;

/// The bytes of a handler's component, with the status that the component has.
pub struct Code {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The status.
    pub status: ComponentStatus,
}

impl From<Vec<u8>> for Code {
    fn from(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            status: ComponentStatus::Trusted,
        }
    }
}

/// Reads the file of a handler's component: a regular file of at most `max_size` bytes.
///
/// # Errors
/// Those of [`read_regular`].
pub fn read_file(handler: &Handler, max_size: usize) -> io::Result<Vec<u8>> {
    read_regular(&handler.component, max_size).map_err(|error| match error.kind() {
        io::ErrorKind::FileTooLarge => {
            let message = format!("{error}, the limit of `[plugins] max_size`");
            io::Error::new(error.kind(), message)
        }
        _ => error,
    })
}
