#!/usr/bin/env bash
# cargo 1.95.0: `[profile.dev.package."*"] opt-level` beats `[profile.dev.build-override] opt-level`.
#
# Projects ask for optimised dependencies in development with `[profile.dev.package."*"]`, and set
# `build-override` to keep macros and build scripts cheap. For the same key "*" wins: everything
# that only runs while the project is compiled (syn, serde_derive, code generators) is optimised
# too, although it runs for milliseconds. A host of 360 packages took 436 s for a cold build on two
# cores with "*"; it takes 202 s with the packages named that need optimisation.
#
# Seen with cargo 1.95.0, serde 1.0.229 (derive), syn 3.0.10; seconds of processor time for a cold build:
#   "*" at 3, build-override at 0: syn is compiled with opt-level=3 (34 s)
#   one package named:             syn is compiled without optimisation (10 s)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
echo 'fn main() { println!("{}", serde_json::to_string(&[1]).unwrap()) }' > src/main.rs
manifest() {
    cat <<'TOML'
[package]
name = "seen"
version = "0.0.0"
edition = "2021"

[dependencies]
serde = { version = "=1.0.229", features = ["derive"] }
serde_json = "=1.0.154"

[profile.dev.build-override]
opt-level = 0
TOML
}

# Builds from nothing; prints how syn is compiled, and the seconds of processor time.
build() {
    rm -rf target
    local TIMEFORMAT='%U'
    { time cargo build --verbose --verbose > log 2>&1; } 2> seconds
    local level
    level=$(grep -- '--crate-name syn' log | grep -o 'opt-level=[0-9s]' | head -n 1 || true)
    grep -q -- '--crate-name syn' log
    printf '%s: syn is compiled with %s (%.0f s)\n' "$1" "${level:-no optimisation}" "$(cat seconds)"
    last=${level:-none}
}

{ manifest; printf '\n[profile.dev.package."*"]\nopt-level = 3\n'; } > Cargo.toml
build '"*" at 3, build-override at 0'
[ "$last" = opt-level=3 ]
{ manifest; printf '\n[profile.dev.package.serde_json]\nopt-level = 3\n'; } > Cargo.toml
build 'one package named'
[ "$last" = none ]
