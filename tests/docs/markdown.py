"""Reads Markdown as far as the checks of the documentation need it."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

FENCE = re.compile(r"^\s*(`{3,}|~{3,})\s*(.*)$")
CODE = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)")


def tracked(*patterns):
    """The files of the repository that match, as git knows them or would add them."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    files = (ROOT / name for name in sorted(set(listed.stdout.splitlines())))
    # A link to a folder is a file to git.
    return [file for file in files if file.is_file() or file.is_symlink()]


def lines(text):
    """Yields number, line and the info string of the fence around it (None for prose)."""
    mark, info = None, None
    for number, line in enumerate(text.splitlines(), 1):
        fence = FENCE.match(line)
        if mark is None and fence:
            mark, info = fence[1], fence[2].strip()
            yield number, line, info
        elif mark is not None and fence and fence[1].startswith(mark) and not fence[2]:
            yield number, line, info
            mark, info = None, None
        else:
            yield number, line, info


def prose(text):
    """Yields number and line of everything outside of fences."""
    return ((number, line) for number, line, info in lines(text) if info is None)


def blocks(text):
    """Yields first line, info string and text of every fenced block."""
    start, inside = None, []
    for number, line, info in lines(text):
        if info is None:
            continue
        if not FENCE.match(line) or (start is not None and FENCE.match(line)[2]):
            inside.append(line)
        elif start is None:
            start = number
        else:
            yield start, info, "\n".join(inside) + "\n"
            start, inside = None, []


def without_code(line):
    """The line with its code spans emptied."""
    return CODE.sub("``", line)
