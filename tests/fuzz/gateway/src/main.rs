//! One program for the targets that need a whole gateway or its sandbox. `TARGET` names the target,
//! `SEEDS` the folder for its seeds.

#![no_main]

mod gateway;
mod seeds;

use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

use gateway::{Door, Running};

static TARGET: LazyLock<String> =
    LazyLock::new(|| std::env::var("TARGET").expect("TARGET names a target"));

static GATEWAY: LazyLock<Running> = LazyLock::new(|| Running::start(&TARGET));

fn begin() {
    // As Rust does before `main`, which libFuzzer has in its place: a peer that has gone must not
    // end the process.
    // SAFETY: no other thread runs yet, and no handler is installed.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    if let Some(folder) = std::env::var_os("SEEDS") {
        seeds::write(&TARGET, Path::new(&folder));
    }
}

fuzz_target!(init: begin(), |bytes: &[u8]| match TARGET.as_str() {
    "http1" | "http2" | "tls" | "proxy" => GATEWAY.take(Door::Ingress, bytes),
    "admin" => GATEWAY.take(Door::Admin, bytes),
    "manifest" => manifest(bytes),
    "component" => tollgate_sandbox::fuzz::component(bytes),
    other => panic!("there is no target {other}"),
});

/// Parses a manifest. One that is refused has a mistake to show.
fn manifest(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let env = |name: &str| {
        name.len()
            .is_multiple_of(2)
            .then(|| "sixteen bytes ok".to_owned())
    };
    if let Err(mistakes) = tollgate::manifest::parse(text, Path::new("/nowhere/m.toml"), &env) {
        assert!(mistakes.iter().next().is_some());
        assert!(!mistakes.to_string().is_empty());
    }
}
