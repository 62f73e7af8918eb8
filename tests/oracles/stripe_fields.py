#!/usr/bin/env python3
"""Checks the table of docs/stripe-fields.md against Stripe's own library for Python.

`stripe_fields.mjs` takes the table from the library for Node. This script looks into the classes of
the library for Python, in the versions of stripe_fields.json: a field must be in both libraries or
in neither, if both ask for the same API version. Run it after `stripe_fields.mjs`.
"""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = HERE.parents[1] / "target/oracles/stripe-fields"
LIST = json.loads((HERE / "stripe_fields.json").read_text())


def install(version):
    """Returns the folder of the library, which pip fetches without its dependencies."""
    folder = CACHE / f"python-{version}"
    if not folder.exists():
        pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-compile"]
        subprocess.run([*pip, "--target", folder, f"stripe=={version}"], check=True)
    return folder / "stripe"


def api_version(library):
    return re.search(r'"(20\d\d-\d\d-\d\d[.\w]*)"', (library / "_api_version.py").read_text())[1]


def class_of(library, name):
    """The class of an object: `Checkout.Session` is in checkout/_session.py."""
    *folders, name = name.split(".")
    words = re.findall("[A-Z][a-z]+", name)
    file = library.joinpath(*map(str.lower, folders), f"_{'_'.join(words).lower()}.py")
    return nested(ast.parse(file.read_text()), [name])


def nested(scope, names):
    """The class of one of these names in a module or a class."""
    classes = (node for node in scope.body if isinstance(node, ast.ClassDef))
    return next((node for node in classes if node.name in names), None)


def has(scope, path):
    """Whether the class has the field: `parent.subscription_details.subscription`."""
    for name in path.split("."):
        if scope is None:
            return False
        fields = (node for node in scope.body if isinstance(node, ast.AnnAssign))
        field = next((node for node in fields if node.target.id == name), None)
        if field is None:
            return False
        scope = nested(scope, re.findall(r"\w+", ast.unparse(field.annotation)))
    return True


def main():
    node = {v["api"]: v["types"] for v in json.loads((CACHE / "npm.json").read_text())}
    wrong, compared = [], 0
    for version in LIST["pypi"]:
        library = install(version)
        api = api_version(library)
        for name, fields in LIST["fields"].items():
            scope = class_of(library, name)
            for field in fields:
                there = node[api][f"{name}.{field}"] is not None
                compared += 1
                if has(scope, field) != there:
                    wrong.append(f"PyPI stripe {version} ({api}): {name}.{field}, unlike npm")
    print(*wrong, f"{compared} fields compared, {len(wrong)} differ", sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
