//! Log lines, kept with the attempt and shown to the operator.
//!
//! ```no_run
//! use tollgate_handler::prelude::*;
//!
//! let order = "A-1";
//! log::info!("order {order} is paid", currency = "eur", amount = 1200);
//! ```
//!
//! The message is a format string that captures variables; fields follow it, each
//! anything that can be displayed. Lines are kept whatever the outcome.

use crate::host;

/// How much a line matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// For the author of the handler, step by step.
    Trace,
    /// For the author of the handler.
    Debug,
    /// What was done.
    Info,
    /// Something is odd.
    Warn,
    /// Something is wrong.
    Error,
}

/// Writes one line. The macros of this module are the usual way to call it.
pub fn write(level: Level, message: &str, fields: Vec<(String, String)>) {
    host::log(level, message, fields);
}

/// One line of any level; no part of the interface.
#[doc(hidden)]
#[macro_export]
macro_rules! __log {
    ($level:ident, $message:literal $(, $key:ident = $value:expr)* $(,)?) => {
        $crate::log::write(
            $crate::log::Level::$level,
            &::std::format!($message),
            ::std::vec![$((
                ::std::string::String::from(::std::stringify!($key)),
                ::std::string::ToString::to_string(&$value),
            )),*],
        )
    };
}

macro_rules! level_macro {
    ($dollar:tt $name:ident $hidden:ident $level:ident $doc:literal) => {
        #[doc(hidden)]
        #[macro_export]
        macro_rules! $hidden {
            ($dollar($dollar args:tt)+) => { $crate::__log!($level, $dollar($dollar args)+) };
        }

        #[doc = $doc]
        pub use $hidden as $name;
    };
}

level_macro!($ trace __log_trace Trace "For the author of the handler, step by step.");
level_macro!($ debug __log_debug Debug "For the author of the handler.");
level_macro!($ info __log_info Info "What was done.");
level_macro!($ warn __log_warn Warn "Something is odd.");
level_macro!($ error __log_error Error "Something is wrong.");
