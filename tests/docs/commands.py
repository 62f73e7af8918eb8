#!/usr/bin/env python3
"""Runs the commands of the documentation, so that a page never shows one that does not work.

Every fenced block with the info string `sh` is run; `sh no-run` marks a block that needs a network,
a terminal or something that the page does not set up. The blocks of a page run one after another in
one shell, in a copy of the repository with the programs that `make build` made. Pages of the top
and of docs/ run at the top of the copy, others in their own folder. A block may start a server in
the background: what is still running at the end of the page is killed. If the system allows it, the
shell has a network of its own, with nothing but the loopback interface.

`commands.py PAGE…` runs these pages alone.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from markdown import ROOT, blocks, tracked

# Seconds that a page may take: one of them compiles a handler.
PATIENCE = 900

# The pages of projects that `tollgate plugin new` makes, with names to be filled in. The tests run
# their commands in such projects (tests/scenarios/plugin).
TEMPLATES = ROOT / "plugins/templates"

# Where names and ports are the page's own.
OWN_NETWORK = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$0" "$@"']


def script(page):
    """The page's blocks as one script that says which one it runs; empty if there are none."""
    parts = []
    for number, info, text in blocks(page.read_text()):
        if info == "sh":
            parts.append(f"echo '--- {page.relative_to(ROOT)}:{number}'\n{text}")
    return "set -euo pipefail\n" + "".join(parts) if parts else ""


def copy(into):
    """Copies what git knows of, and what was built."""
    for file in tracked():
        place = into / file.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, place, follow_symlinks=False)
    (into / "target").symlink_to(ROOT / "target")
    for built in ("components", "wasm"):
        if (ROOT / "plugins/target" / built).is_dir():
            # The same times, so that cargo compiles the dependencies no second time.
            command = ["cp", "-a", f"{ROOT}/plugins/target/{built}", f"{into}/plugins/target/"]
            (into / "plugins/target").mkdir(exist_ok=True)
            subprocess.run(command, check=True)


def own_network():
    """What to put before a command to give it a network of its own, if that is possible."""
    allowed = subprocess.run([*OWN_NETWORK, "true"], capture_output=True)
    return OWN_NETWORK if allowed.returncode == 0 else []


def run(page, text, prefix):
    """Runs a page's script; returns whether it succeeded."""
    with tempfile.TemporaryDirectory(prefix="tollgate-docs-") as folder:
        top = Path(folder) / "tollgate"
        copy(top)
        relative = page.relative_to(ROOT)
        place = top if relative.parts[0] in ("docs", page.name) else top / relative.parent
        environment = {
            **os.environ,
            "PATH": f"{ROOT}/target/debug:{os.environ['PATH']}",
            "CARGO_NET_OFFLINE": "true",
        }
        output = Path(folder) / "output"
        with output.open("w") as out:
            shell = subprocess.Popen(
                [*prefix, "bash", "-c", text],
                cwd=place,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                ended = shell.wait(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                ended = f"nothing after {PATIENCE} s"
            try:
                os.killpg(shell.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if ended != 0:
            print(f"{relative}: the commands ended with {ended}; what they said:")
            print(output.read_text(errors="replace"))
        return ended == 0


def main(names):
    pages = [Path(name).resolve() for name in names] or [
        page for page in tracked("*.md") if TEMPLATES not in page.parents
    ]
    prefix = own_network()
    failed = 0
    for page in pages:
        text = script(page)
        if text:
            good = run(page, text, prefix)
            failed += not good
            print(f"{page.relative_to(ROOT)}: {'ran' if good else 'FAILED'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
