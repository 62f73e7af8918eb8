//! The names that sources and handlers have in the manifest, each of a type of its own.

use std::fmt;
use std::sync::Arc;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps a name that was checked where it was read.
            pub fn new(name: impl Into<Arc<str>>) -> Self {
                Self(name.into())
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name! {
    /// The name of a source in the manifest, or `handler:NAME` for events that a
    /// handler emitted.
    SourceName
}

name! {
    /// The name of a handler in the manifest.
    HandlerName
}

/// What every source name of emitted events begins with; no source in the
/// manifest may.
pub const HANDLER_SOURCE_PREFIX: &str = "handler:";

impl HandlerName {
    /// The source that this handler's emitted events have.
    pub fn as_source(&self) -> SourceName {
        SourceName::new(format!("{HANDLER_SOURCE_PREFIX}{self}"))
    }
}
