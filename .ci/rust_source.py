"""Reads Rust sources just well enough to check how they are laid out.

No parser: comments and strings are blanked out, so that braces can be counted and names can be
looked for. Every blanked text keeps its length and its lines, so places stay what they were.
"""

import re
from pathlib import Path

# Where source folders of packages are, relative to the root of a checkout.
PACKAGES = ["host/src", "host/crates/*/src", "plugins/*/src", "plugins/*/*/src"]

TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*)
      | (?P<block>/\*)
      | (?P<raw>\b(?:b|c|br|cr|r)?r?(?P<hashes>\#+)"|\b(?:br|cr|r)")
      | (?P<string>\b[bc]?"|")
      | (?P<char>b?'(?:[^\\'\n]|\\(?:u\{[^}]*\}|x..|.))')""",
    re.VERBOSE,
)


def blank(text):
    """The text as spaces; line ends stay."""
    return re.sub(r"[^\n]", " ", text)


def without_comments_and_strings(text):
    """The code with every comment, string and character blanked."""
    parts, at = [], 0
    while found := TOKEN.search(text, at):
        end = found.end()
        if found["block"]:
            end = end_of_block_comment(text, end)
        elif found["raw"]:
            close = '"' + (found["hashes"] or "")
            end = text.index(close, end) + len(close)
        elif found["string"]:
            end = re.compile(r'(?:[^"\\]|\\.)*"', re.DOTALL).match(text, end).end()
        parts += [text[at : found.start()], blank(text[found.start() : end])]
        at = end
    return "".join(parts) + text[at:]


def end_of_block_comment(text, at):
    depth = 1
    for mark in re.compile(r"/\*|\*/").finditer(text, at):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(text)


def end_of_braces(code, at):
    """The place behind the brace that closes the one at `at`."""
    depth = 0
    for mark in re.compile(r"[{}]").finditer(code, at):
        depth += 1 if mark[0] == "{" else -1
        if depth == 0:
            return mark.end()
    return len(code)


def end_of_item(code, at):
    """The place behind the item that begins at `at`: its `;` or its closing brace."""
    depth = 0
    for mark in re.compile(r"[\[\](){};,]").finditer(code, at):
        if mark[0] in "([":
            depth += 1
        elif mark[0] in ")]":
            depth -= 1
        elif mark[0] == "{" and depth == 0:
            end = end_of_braces(code, mark.start())
            # `use a::{b, c};` goes on behind its braces.
            return end + 1 if code[end : end + 1] == ";" else end
        elif mark[0] == ";" and depth == 0:
            return mark.end()
    return len(code)


TEST_ATTRIBUTE = re.compile(r"#\[cfg\((?:all\([^\]]*)?\btest\b[^\]]*\]|#\[(?:\w+::)*test\b[^\]]*\]")


def without_tests(code):
    """The code with every `#[cfg(test)]` item blanked, and the names of the modules that are in
    files of their own among them."""
    modules = set()
    while found := TEST_ATTRIBUTE.search(code):
        start = found.end()
        while attribute := re.compile(r"\s*#\[[^\]]*\]").match(code, start):
            start = attribute.end()
        end = end_of_item(code, start)
        if name := re.match(r"\s*(?:pub(?:\([^)]*\))?\s+)?mod\s+(\w+)\s*;", code[start:end]):
            modules.add(name[1])
        code = code[: found.start()] + blank(code[found.start() : end]) + code[end:]
    return code, modules


class Module:
    """One module with a file of its own."""

    def __init__(self, package, names, file):
        self.package = package
        # Its path in the package: `("outbox", "queue")`, `()` for the root.
        self.names = names
        self.file = file
        self.text = file.read_text()
        self.code = without_comments_and_strings(self.text)
        self.is_test = bool(re.match(r"\s*#!\[cfg\(test\)\]", self.code))
        self.code, self.test_children = without_tests(self.code)

    def line_of(self, place):
        """The number of the line at a place of the code, from 1."""
        return self.code.count("\n", 0, place) + 1


def packages(root):
    """The source folders of all packages, in order."""
    found = {folder for pattern in PACKAGES for folder in Path(root).glob(pattern)}
    return sorted(folder for folder in found if (folder / "lib.rs").exists() or (folder / "main.rs").exists())


def modules(folder):
    """The modules of the package in a source folder, by their names; tests are left out."""
    base = "lib.rs" if (folder / "lib.rs").exists() else "main.rs"
    found, waiting = {}, [((), folder / base)]
    while waiting:
        names, file = waiting.pop()
        module = Module(folder, names, file)
        if module.is_test:
            continue
        found[names] = module
        within = file.parent if file.name in (base, "mod.rs") else file.with_suffix("")
        for child in re.finditer(r"\bmod\s+(\w+)\s*;", module.code):
            candidates = [within / f"{child[1]}.rs", within / child[1] / "mod.rs"]
            waiting += [((*names, child[1]), file) for file in candidates if file.exists()]
    return found
