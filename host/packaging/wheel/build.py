#!/usr/bin/env python3
"""Puts the program into a wheel: build.py PROGRAM VERSION MACHINE OUT.

The wheel has no Python code. Its one script is the program, which pip puts on the PATH. The tag
says which glibc the program needs: the newest version of a symbol that the program imports.
PyPA's `wheel pack` writes the list of files and the archive.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

WHEEL = "wheel==0.47.0"
TOP = Path(__file__).resolve().parents[3]


def newest_glibc(program: Path) -> tuple[int, int]:
    """The newest glibc that the program's symbols ask for, as (major, minor)."""
    table = subprocess.run(
        ["objdump", "-T", program], check=True, capture_output=True, text=True
    ).stdout
    found = [tuple(map(int, v)) for v in re.findall(r"GLIBC_(\d+)\.(\d+)", table)]
    if not found:
        raise SystemExit(f"{program} imports nothing from glibc: which platform is it for?")
    return max(found)


def write(folder: Path, program: Path, version: str, tag: str) -> None:
    """Lays the wheel's files out in `folder`."""
    scripts = folder / f"tollgate-{version}.data" / "scripts"
    scripts.mkdir(parents=True)
    shutil.copy(program, scripts / "tollgate")
    (scripts / "tollgate").chmod(0o755)
    info = folder / f"tollgate-{version}.dist-info"
    (info / "licenses").mkdir(parents=True)
    shutil.copy(TOP / "LICENSE", info / "licenses" / "LICENSE")
    (info / "WHEEL").write_text(
        f"Wheel-Version: 1.0\nGenerator: tollgate\nRoot-Is-Purelib: false\nTag: {tag}\n"
    )
    readme = (Path(__file__).parent / "README.md").read_text()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.4\n"
        "Name: tollgate\n"
        f"Version: {version}\n"
        "Summary: A gateway for payment webhooks whose handlers are WebAssembly components\n"
        "License-Expression: Apache-2.0\n"
        "License-File: LICENSE\n"
        "Requires-Python: >=3.9\n"
        "Description-Content-Type: text/markdown\n\n" + readme
    )


def pack(folder: Path, out: Path) -> None:
    """Packs `folder` into `out`, with the `wheel` package in an environment of its own."""
    with tempfile.TemporaryDirectory() as tools:
        venv.create(tools, with_pip=True)
        python = Path(tools) / "bin" / "python"
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", WHEEL]
        subprocess.run(install, check=True)
        subprocess.run([python, "-m", "wheel", "pack", folder, "--dest-dir", out], check=True)


def main() -> None:
    program, version, machine, out = Path(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4])
    major, minor = newest_glibc(program)
    tag = f"py3-none-manylinux_{major}_{minor}_{machine}"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / f"tollgate-{version}"
        write(folder, program, version, tag)
        pack(folder, out)


main()
