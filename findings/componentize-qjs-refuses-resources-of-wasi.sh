#!/usr/bin/env bash
# componentize-qjs 0.4.5 (npm): no component can be built for a world that imports an interface of
# its own with a resource of WASI in it, such as a body that is read from a stream. The same
# interface with a resource of its own builds.
#
# A host that wants to give its plugins the body of a request as a stream writes the type that WASI
# has for streams: `use wasi:io/streams.{input-stream}`. Guests in Rust, C or Python build against
# such a world. componentize-qjs runs the program once at build, in an engine of its own. There it
# links the real WASI, with its real resources, and stubs for all other interfaces, with resources
# that it makes up. The two kinds of `input-stream` are two types to the engine, so the build ends
# before the program runs. `wasi:http` is out of reach for the same reason, since its bodies are
# streams of `wasi:io`.
#
# `--stub-wasi`, which makes traps of everything in WASI, changes nothing. What remains is an
# interface without resources of WASI: bodies as lists of bytes, or a resource of one's own that
# wraps the stream on the host's side.
#
# Seen (node 20):
#   a resource of its own: built
#   a resource of WASI: mismatched resource types
#   a resource of WASI, all of WASI stubbed: mismatched resource types
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent componentize-qjs@0.4.5

mkdir -p wit/deps/io
cat > wit/world.wit <<'WIT'
package demo:uploads;

interface bodies {
  resource body {
    read: func(most: u64) -> list<u8>;
  }
  open: func() -> body;
}

interface streamed {
  use wasi:io/streams@0.2.0.{input-stream};
  open: func() -> input-stream;
}

world with-bodies {
  import bodies;
  export run: func();
}

world with-wasi {
  import streamed;
  export run: func();
}
WIT
# The part of the package that is used here.
cat > wit/deps/io/streams.wit <<'WIT'
package wasi:io@0.2.0;

interface streams {
  resource input-stream {
  }
}
WIT
echo 'export function run() {}' > app.js

built() {
    local said
    if said=$(npx componentize-qjs --wit wit --js app.js --output "$1.wasm" --world "$@" 2>&1); then
        echo built
    else
        grep -o 'mismatched resource types' <<<"$said" || tail -n 1 <<<"$said"
    fi
}

own=$(built with-bodies --sync)
wasi=$(built with-wasi --sync)
stubbed=$(built with-wasi --sync --stub-wasi)
echo "a resource of its own: $own"
echo "a resource of WASI: $wasi"
echo "a resource of WASI, all of WASI stubbed: $stubbed"
[ "$own" = built ]
[ "$wasi" = 'mismatched resource types' ]
[ "$stubbed" = 'mismatched resource types' ]
