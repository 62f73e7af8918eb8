#!/usr/bin/env python3
"""Checks that docs/manifest.md has every key of the manifest.

The keys are those that the parser knows: its lists in host/src/manifest.
"""

import re
import sys

from markdown import ROOT

LIST = re.compile(r"(?:\b(?:known|keys):|\bconst \w*(?:KNOWN|KEYS): &\[&str\] =)\s*&\[(.*?)\]", re.DOTALL)
KEY = re.compile(r'"([^"]+)"')


def keys():
    """Every key that the parser knows, with the file that names it."""
    for file in sorted((ROOT / "host/src/manifest").rglob("*.rs")):
        for found in LIST.findall(file.read_text()):
            yield from ((key, file.relative_to(ROOT)) for key in KEY.findall(found))


def main():
    page = (ROOT / "docs/manifest.md").read_text()
    known = sorted(set(keys()))
    if not known:
        print("host/src/manifest names no keys: this check looks in the wrong place")
        return 1
    # As code by itself, as a table, or within a table or an array of them.
    written = lambda key: re.search(rf"`[^`\n]*(?<![\w-]){re.escape(key)}(?![\w-])[^`\n]*`", page)
    missing = [(key, file) for key, file in known if not written(key)]
    for key, file in missing:
        print(f"docs/manifest.md: the key `{key}` ({file}) is not described")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
