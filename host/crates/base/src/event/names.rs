//! The names of sources and handlers in the manifest, each with its own type.

use std::fmt;
use std::sync::Arc;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// A name that was checked before.
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
    /// The name of a source in the manifest, or `handler:NAME` for events that a handler emitted.
    SourceName
}

name! {
    /// The name of a handler in the manifest.
    HandlerName
}

/// The prefix of the source names of emitted events. No source in the manifest may have it.
pub const HANDLER_SOURCE_PREFIX: &str = "handler:";

impl HandlerName {
    /// The source of the events that this handler emits.
    pub fn as_source(&self) -> SourceName {
        SourceName::new(format!("{HANDLER_SOURCE_PREFIX}{self}"))
    }
}
