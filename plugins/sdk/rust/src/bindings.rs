//! The types and imports that `wit-bindgen` generates from `wit/`.
#![allow(
    missing_docs,
    unreachable_pub,
    unsafe_code,
    dead_code,
    clippy::all,
    reason = "generated; natively only its types are used"
)]

wit_bindgen::generate!({
    path: "wit",
    world: "handler",
    additional_derives: [PartialEq, Eq],
    pub_export_macro: true,
    export_macro_name: "export",
});
