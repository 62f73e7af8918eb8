//! Log lines. The gateway keeps them with the attempt and shows them to the operator.
//!
//! ```no_run
//! use tollgate_handler::prelude::*;
//!
//! let order = "A-1";
//! log::info!("order {order} is paid", currency = "eur", amount = 1200);
//! ```
//!
//! The message is a format string that captures variables. Fields follow the message; a field's
//! value is anything that implements `Display`. The gateway keeps the lines of failed attempts too.

use crate::host;
pub use crate::values::Level;

/// Writes one line. Handlers usually call the macros of this module instead.
pub fn write(level: Level, message: &str, fields: Vec<(String, String)>) {
    host::log(level, message, fields);
}

/// Writes one line of any level. The macro is no part of the interface.
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

level_macro!($ trace __log_trace Trace "Logs a line for the author of the handler, step by step.");
level_macro!($ debug __log_debug Debug "Logs a line for the author of the handler.");
level_macro!($ info __log_info Info "Logs a line about work that was done.");
level_macro!($ warn __log_warn Warn "Logs a line about something odd.");
level_macro!($ error __log_error Error "Logs a line about something wrong.");
