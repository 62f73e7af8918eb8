#!/usr/bin/env python3
"""Checks that each command of Tollgate on the pages exists, with its options, also in the blocks
that are not run (`sh no-run`). The program's own help says what exists: target/debug/tollgate, or
the one that TOLLGATE names.
"""

import os
import re
import shlex
import subprocess
import sys
from functools import cache

from markdown import ROOT, blocks, tracked

PROGRAM = os.environ.get("TOLLGATE", str(ROOT / "target/debug/tollgate"))

# The start of a command: the program, by its path or by another name on a page about upgrades.
NAMED = re.compile(r"(?:.*/)?tollgate(?:-new)?")
ENDS = {"|", "||", "&&", "&", ";", ">", ">>", "2>&1", "<", ")", ">/dev/null"}
COMMANDS = re.compile(r"^Commands:\n((?:  .*\n)+)", re.MULTILINE)


@cache
def help_of(path):
    """What the program says about a command, such as `("outbox", "retry")`."""
    asked = subprocess.run([PROGRAM, *path, "--help"], capture_output=True, text=True)
    return asked.stdout if asked.returncode == 0 else ""


@cache
def commands_of(path):
    listed = COMMANDS.search(help_of(path))
    return set(re.findall(r"^  (\S+)", listed[1], re.MULTILINE)) if listed else set()


def invocations(text):
    """The arguments of each call of the program in a block."""
    text = re.sub(r"\\\n", " ", text)
    for line in text.splitlines():
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            # A text over several lines, which no command of ours has.
            continue
        starts = [number for number, word in enumerate(words) if NAMED.fullmatch(word)]
        for start in starts:
            rest = words[start + 1 :]
            end = next((number for number, word in enumerate(rest) if word in ENDS), len(rest))
            # A word before it that takes a program, such as `cd` or `kill`, takes a name instead.
            if start == 0 or "=" in words[start - 1] or words[start - 1] in ENDS | {"!", "nohup"}:
                yield rest[:end]


def trouble(words):
    """What is wrong with a call; None if nothing is."""
    path = ()
    for word in words:
        if word not in commands_of(path):
            break
        path += (word,)
    said = help_of(path)
    # `config` works without a command, too: then its first line of usage names none.
    needs_command = re.search(r"^Usage: .*<COMMAND>", said, re.MULTILINE)
    if needs_command and not {"--help", "--version", "-V", "-h"} & set(words):
        return f"there is no command `tollgate {' '.join(words)}`"
    for word in words[len(path) :]:
        option = word.partition("=")[0]
        if word == "--":
            break
        if re.fullmatch(r"--[a-z][\w-]*", option) and not re.search(rf"{option}(?![\w-])", said):
            return f"`tollgate {' '.join(path)}` has no option {option}"
    return None


def main():
    if not os.access(PROGRAM, os.X_OK):
        print(f"there is no program {PROGRAM}: make build")
        return 1
    wrong = 0
    for page in tracked("*.md"):
        for number, info, text in blocks(page.read_text()):
            if info.split()[:1] != ["sh"]:
                continue
            for words in invocations(text):
                why = trouble(words)
                if why:
                    print(f"{page.relative_to(ROOT)}:{number}: {why}")
                    wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
