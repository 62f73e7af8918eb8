#!/usr/bin/env bash
# componentize-qjs 0.4.5 (npm), run by wasmtime 50.0.1 (PyPI): in a component that is built with
# `--sync`, what follows an inner `await` never runs, and the call succeeds all the same.
#
# A webhook handler in JavaScript that calls an async function without waiting for it works in Node:
# the event loop runs the rest of that function after the handler has returned. In such a component
# an exported function is called, returns, and that is all. The queue of promise jobs is not run at
# the end of the call, nor at the next call of the same instance. So the order is never shipped, no
# error is raised, nothing is logged, and the caller reads "done". A host that makes an instance for
# each call, as plugin hosts do, cannot even find the job that was left.
#
# Without `--sync` the exports use the component model's async ABI, which few hosts offer yet. Code
# that has to run must run before the return: by a queue of the program's own, or without `await`.
#
# Seen (node 20, Python 3.11):
#   fulfil: done
#   begun: 1
#   shipped after the call: 0
#   shipped after three more calls: 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent componentize-qjs@0.4.5
python3 -m venv env
env/bin/pip install --quiet wasmtime==50.0.1

cat > shop.wit <<'WIT'
package demo:shop;

world shop {
  export fulfil: func(order: string) -> string;
  export begun: func() -> u32;
  export shipped: func() -> u32;
}
WIT
cat > shop.js <<'JS'
let started = 0;
let sent = 0;

async function ship(order) {
  started += 1;
  await Promise.resolve();
  sent += 1;
}

export function fulfil(order) {
  ship(order);
  return "done";
}

export function begun() {
  return started;
}

export function shipped() {
  return sent;
}
JS
node_modules/.bin/componentize-qjs --sync --wit shop.wit --js shop.js --output shop.wasm >/dev/null

cat > seen.py <<'PY'
from wasmtime import Config, Engine, Store, WasiConfig
from wasmtime.component import Component, Linker

engine = Engine(Config())
linker = Linker(engine)
linker.add_wasip2()
store = Store(engine)
store.set_wasi(WasiConfig())
component = Component.from_file(engine, "shop.wasm")
instance = linker.instantiate(store, component)


def call(name, *arguments):
    return instance.get_func(store, name)(store, *arguments)


print("fulfil:", call("fulfil", "A-17"))
print("begun:", call("begun"))
print("shipped after the call:", call("shipped"))
for _ in range(3):
    call("begun")
print("shipped after three more calls:", call("shipped"))
PY
seen=$(env/bin/python seen.py)
echo "$seen"
expected='fulfil: done
begun: 1
shipped after the call: 0
shipped after three more calls: 0'
[ "$seen" = "$expected" ] || { echo "this has changed" >&2; exit 1; }
