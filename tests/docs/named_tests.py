#!/usr/bin/env python3
"""Checks that the tests and modules which pages name by their paths exist: `scenarios::keys`,
`server::tests::ingress::ambiguous_framing_is_refused`, `egress::addresses`."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Where the paths of modules begin.
TREES = [ROOT / "tests", ROOT / "host/src"]
NAMED = re.compile(r"`((?:scenarios|server|egress|manifest|generation|outbox)(?:::\w+)+)`")


def sources(path):
    """The files of a module: its own and those below it."""
    found = [path.with_suffix(".rs")] if path.with_suffix(".rs").is_file() else []
    return found + sorted(path.rglob("*.rs"))


def exists(name):
    parts = name.split("::")
    for tree in TREES:
        if sources(tree.joinpath(*parts)):
            return True
        last = re.compile(rf"\bfn {re.escape(parts[-1])}\b")
        if any(last.search(file.read_text()) for file in sources(tree.joinpath(*parts[:-1]))):
            return True
    return False


def main():
    wrong = 0
    for page in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]):
        for number, line in enumerate(page.read_text().splitlines(), 1):
            for name in NAMED.findall(line):
                if not exists(name):
                    print(f"{page.relative_to(ROOT)}:{number}: there is no {name}")
                    wrong += 1
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
