"""Compiles a handler in Python to a WebAssembly component::

    python -m tollgate_compile [--entry handler.py] [--packages DIR] --out FILE.wasm

Run in the project's folder. Ends with 1 and a message on stderr if the handler has a mistake.
"""

import argparse
import sys
from pathlib import Path

from .component import compile_component
from .problem import Problem
from .sources import Sources


def main() -> int:
    """Compiles, and returns the exit code."""
    options = argparse.ArgumentParser(prog="tollgate_compile")
    options.add_argument("--entry", default="handler.py", type=Path)
    options.add_argument("--packages", type=Path, help="a folder with the packages of the handler")
    options.add_argument("--out", required=True, type=Path)
    given = options.parse_args()
    try:
        sources = Sources.read(Path.cwd(), given.entry)
        for warning in sources.warnings:
            print(f"warning: {warning}", file=sys.stderr)
        compile_component(sources, given.packages, given.out)
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


sys.exit(main())
