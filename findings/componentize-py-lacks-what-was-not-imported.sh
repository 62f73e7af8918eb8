#!/usr/bin/env bash
# componentize-py 0.25.1 (PyPI), run by wasmtime 50.0.1 (PyPI): parts of the standard library that
# Python imports by itself, at the first use, are not there at run time.
#
# The component is a snapshot of an interpreter that has loaded the program; there is no library to
# import from later. Imports inside functions are the case that one expects. The other case has no
# import in sight: `datetime.strptime` loads `_strptime` when it is called first, and a codec such
# as cp1252 loads its table when text is decoded first. Both work under every Python, and in the
# unit tests. In the component they fail when the first invoice with a date, or the first name with
# an umlaut in an old encoding, comes in. A date in ISO form needs no such module, so tests with
# ISO dates pass.
#
# The way out is to use such a function once at module level, so that the snapshot has the module.
#
# Seen (Python 3.11 as the host's, CPython 3.14 inside):
#   iso: 2026-11-30
#   strptime: ModuleNotFoundError: No module named '_strptime'
#   cp1252: LookupError: unknown encoding: cp1252
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet componentize-py==0.25.1 wasmtime==50.0.1

cat > shop.wit <<'WIT'
package demo:till;

world reader {
  export look-at: func(what: string) -> string;
}
WIT
mkdir program
cat > program/app.py <<'PY'
from datetime import date, datetime

import wit_world


class WitWorld(wit_world.WitWorld):
    def look_at(self, what: str) -> str:
        try:
            if what == "iso":
                return str(date.fromisoformat("2026-11-30"))
            if what == "strptime":
                return str(datetime.strptime("30.11.2026", "%d.%m.%Y").date())
            return b"Caf\xe9".decode("cp1252")
        except Exception as error:
            return f"{type(error).__name__}: {error}"
PY
env/bin/componentize-py --wit-path shop.wit --world reader componentize app \
  --python-path program --output shop.wasm >/dev/null

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
for what in ("iso", "strptime", "cp1252"):
    print(f"{what}:", instance.get_func(store, "look-at")(store, what))
PY
seen=$(env/bin/python seen.py)
echo "$seen"
expected="iso: 2026-11-30
strptime: ModuleNotFoundError: No module named '_strptime'
cp1252: LookupError: unknown encoding: cp1252"
[ "$seen" = "$expected" ] || { echo "this has changed" >&2; exit 1; }
