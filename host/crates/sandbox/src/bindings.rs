//! Generated bindings, one module for each released version of the world.

#![allow(
    missing_docs,
    unreachable_pub,
    reason = "generated from the WIT package, which documents it"
)]

/// `tollgate:ask@0.1.x`
pub mod ask {
    wasmtime::component::bindgen!({
        path: "../../../wit/ask",
        world: "tollgate:ask/ask",
        imports: { default: async | trappable },
        require_store_data_send: true,
    });
}

/// `tollgate:handler@0.1.x`
pub mod v0_1 {
    wasmtime::component::bindgen!({
        path: "../../../wit",
        world: "tollgate:handler/handler",
        imports: { default: trappable },
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}
