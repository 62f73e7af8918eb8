//! The entry point of a handler: [`handler!`](crate::handler) exports a function as `handle`.

/// Makes a function the handler of a crate that is built as a `cdylib`.
///
/// The function is `fn(Event) -> Result<Outcome, E>`, where `E` is [`Failure`](crate::Failure) or
/// any type that converts into it. Native builds export nothing, but check the function's type.
#[macro_export]
macro_rules! handler {
    ($handle:path) => {
        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code, reason = "the generated entry point of the component")]
        const _: () = {
            struct Component;

            impl $crate::__private::Guest for Component {
                fn handle(event: $crate::Event) -> Result<$crate::Outcome, $crate::Failure> {
                    $crate::__private::run(event, $handle)
                }
            }

    $crate::__private::export!(Component with_types_in $crate::__private);
        };

        // Native builds check the handler too, and count it as used.
        #[cfg(not(target_family = "wasm"))]
        const _: () = {
            #[allow(dead_code, reason = "native builds never call it")]
            fn checked_handler(event: $crate::Event) -> Result<$crate::Outcome, $crate::Failure> {
                $crate::__private::run(event, $handle)
            }
        };
    };
}
