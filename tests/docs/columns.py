#!/usr/bin/env python3
"""Checks that no line of prose is longer than 100 columns, and the README than 150 lines.

Prose is the text of Markdown but for tables, code, HTML and the targets of links, and the comments
of sources. `columns.py FILE…` looks at these files alone.
"""

import re
import sys
from pathlib import Path

from markdown import ROOT, prose, tracked

COLUMNS = 100
README_LINES = 150

# Manifests with mistakes, whose lines are what a test quotes.
EXEMPT = ROOT / "tests/manifests"

# How a comment begins, by the ending of the file.
COMMENTS = {".rs": "//", ".wit": "//", ".toml": "#", ".sql": "--"}
URL = re.compile(r"https?://\S+")
TARGET = re.compile(r"\]\([^)]*\)")


def long_prose(text):
    """The lines of a page's prose that are too long."""
    for number, line in prose(text):
        if line.lstrip().startswith(("|", "<")):
            continue
        if len(TARGET.sub("]", URL.sub("", line))) > COLUMNS:
            yield number


def long_comments(text, mark):
    """The lines that a comment makes too long. Tables and code within doc comments may be."""
    comment = re.compile(rf"(?:^|\s){re.escape(mark)}[/!]?(?:\s|$)")
    in_code = False
    for number, line in enumerate(text.splitlines(), 1):
        begins = line.lstrip().startswith(mark)
        inner = line.lstrip().lstrip("/!#-").strip()
        if begins and inner.startswith("```"):
            in_code = not in_code
        elif not begins:
            in_code = False
        if in_code or inner.startswith("|") or len(URL.sub("", line)) <= COLUMNS:
            continue
        if comment.search(line):
            yield number


def main(names):
    patterns = ["*.md", *(f"*{ending}" for ending in COMMENTS)]
    files = [Path(name).resolve() for name in names] or tracked(*patterns)
    wrong = []
    for file in files:
        if EXEMPT in file.parents:
            continue
        text = file.read_text()
        mark = COMMENTS.get(file.suffix)
        found = long_comments(text, mark) if mark else long_prose(text)
        wrong += [f"{file.relative_to(ROOT)}:{number}: over {COLUMNS} columns" for number in found]
    length = len((ROOT / "README.md").read_text().splitlines())
    if length > README_LINES:
        wrong.append(f"README.md: {length} lines; {README_LINES} are the limit")
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
