#!/usr/bin/env python3
"""Checks that docs/manifest.md has every key of the manifest, and docs/languages.md every key of
plugin.toml.

The keys are those that the parser knows: its lists in host/src/manifest.
"""

import re
import sys

from markdown import ROOT

LIST = re.compile(r"(?:\b(?:known|keys):|\bconst \w*(?:KNOWN|KEYS): &\[&str\] =)\s*&\[(.*?)\]", re.DOTALL)
PROJECT = "host/src/manifest/project.rs"
KEY = re.compile(r'"([^"]+)"')


def keys():
    """Every key that the parser knows, with the file that names it."""
    for file in sorted((ROOT / "host/src/manifest").rglob("*.rs")):
        for found in LIST.findall(file.read_text()):
            yield from ((key, file.relative_to(ROOT)) for key in KEY.findall(found))


def main():
    page_of = lambda file: "docs/languages.md" if str(file) == PROJECT else "docs/manifest.md"
    pages = {name: (ROOT / name).read_text() for name in ("docs/languages.md", "docs/manifest.md")}
    known = sorted(set(keys()))
    if not known:
        print("host/src/manifest names no keys: this check looks in the wrong place")
        return 1
    # As code by itself, as a table, or within a table or an array of them.
    pattern = lambda key: rf"`[^`\n]*(?<![\w-]){re.escape(key)}(?![\w-])[^`\n]*`"
    written = lambda key, file: re.search(pattern(key), pages[page_of(file)])
    missing = [(key, file) for key, file in known if not written(key, file)]
    for key, file in missing:
        print(f"{page_of(file)}: the key `{key}` ({file}) is not described")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
