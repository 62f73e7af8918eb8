#!/usr/bin/env python3
"""Checks that every relative link of the documentation leads somewhere.

Links are those of Markdown and the `src`, `srcset` and `href` of HTML. An anchor must be a heading
of the page that it leads to. A path in backquotes that begins with a folder of the repository, such
as `host/src/cli/`, must exist too. Links to the web are left alone: a check must not depend on it.
"""

import re
import sys
from collections import Counter
from functools import cache
from urllib.parse import unquote

from markdown import CODE, ROOT, prose, tracked, without_code

LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
# The end of a link, whose text may have begun in a line before.
TARGET = re.compile(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
REFERENCE = re.compile(r"^\s*\[[^\]]+\]:\s*<?(\S+?)>?(?:\s|$)")
ATTRIBUTE = re.compile(r"\b(?:src|srcset|href)=\"([^\"]+)\"")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$")
FOLDERS = ("host", "plugins", "wit", "examples", "docs", "tests", "findings", ".ci")
PATH = re.compile(rf"(?:{'|'.join(map(re.escape, FOLDERS))})/[\w./-]*")

# What is built, and names that stand for any.
BUILT = re.compile(r"/target/|/NAME\b")


@cache
def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    found, seen = set(), Counter()
    for _, line in prose(page.read_text()):
        heading = HEADING.match(line)
        if heading:
            text = LINK.sub(lambda link: link[0][1 : link[0].index("](")], heading[1])
            slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
            seen[slug] += 1
    return found


def targets(line):
    """The targets of a line's links."""
    bare = without_code(line)
    yield from TARGET.findall(bare)
    yield from REFERENCE.findall(bare)
    yield from ATTRIBUTE.findall(bare)


def trouble(page, target):
    """Why a link leads nowhere; None if it leads somewhere."""
    if re.match(r"[a-z][a-z0-9+.-]*:", target) or target.startswith("//"):
        return None
    path, _, anchor = target.partition("#")
    place = page if not path else (page.parent / unquote(path)).resolve()
    if not place.exists():
        return "there is no such file"
    if ROOT not in place.parents and place != ROOT:
        return "it leaves the repository"
    if anchor and place.suffix == ".md" and unquote(anchor) not in anchors(place):
        return "that page has no such heading"
    return None


def main():
    wrong = 0
    for page in tracked("*.md"):
        for number, line in prose(page.read_text()):
            found = [(target, trouble(page, target)) for target in targets(line)]
            for span in (match[2] for match in CODE.finditer(line)):
                if PATH.fullmatch(span) and not BUILT.search(span) and not (ROOT / span).exists():
                    found.append((span, "there is no such path"))
            for target, why in found:
                if why:
                    print(f"{page.relative_to(ROOT)}:{number}: {target}: {why}")
                    wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
