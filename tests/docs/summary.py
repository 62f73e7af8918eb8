#!/usr/bin/env python3
"""Checks that docs/SUMMARY.md, the contents of the book, names every page once and no other.

The pages are those of docs/, and what else belongs into the book: the README, the changelog, the
pages of the examples and some more of the top.
"""

import re
import sys
from collections import Counter

from markdown import ROOT, tracked

DOCS = ROOT / "docs"
SUMMARY = DOCS / "SUMMARY.md"

# What mdBook reads: a heading, a part, or an entry with a link. Below an entry come two blanks more.
LINE = re.compile(r"# .+|(?:(?:  )*- )?\[(?:[^\[\]]|`[^`]*`)+\]\(([^)\s]+\.md)\)|")
ENTRY = re.compile(r"\]\(([^)]+)\)")


def wanted():
    """The pages that belong into the book."""
    tops = tracked(":(glob)*.md")
    below = [page for page in tracked("docs/*.md", "examples/*.md") if page != SUMMARY]
    return {*tops, *below, ROOT / "plugins/README.md"}


def main():
    wrong = []
    named = Counter()
    for number, line in enumerate(SUMMARY.read_text().splitlines(), 1):
        if not LINE.fullmatch(line):
            wrong.append(f"docs/SUMMARY.md:{number}: mdBook would not read this line")
        for link in ENTRY.findall(line):
            page = (DOCS / link).resolve()
            named[page] += 1
            if not page.is_file():
                wrong.append(f"docs/SUMMARY.md:{number}: there is no page {link}")
    pages = wanted()
    name = lambda page: page.relative_to(ROOT)
    wrong += [f"docs/SUMMARY.md does not name {name(page)}" for page in sorted(pages - set(named))]
    wrong += [f"docs/SUMMARY.md names {name(page)} twice" for page in named if named[page] > 1]
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
