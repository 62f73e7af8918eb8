"""Asks libraries that exist for Node only. `NODE_ORACLES` is the folder with their node_modules,
by default the working folder."""

import base64
import json
import os
import pathlib
import subprocess

# The reason that judge.mjs gives if a library refuses without an exception.
REFUSED = "it returned false"
FOLDER = pathlib.Path(os.environ.get("NODE_ORACLES", "."))


def ask(library, body, headers, secret, now):
    question = {
        "scheme": library,
        "body": base64.b64encode(body).decode(),
        "headers": headers,
        "secret": secret,
        "now": now,
    }
    script = (pathlib.Path(__file__).parent / "judge.mjs").read_text()
    answer = subprocess.run(
        ["node", "--input-type=module", "--eval", script], input=json.dumps(question), capture_output=True, text=True,
        check=True, cwd=FOLDER,
    )
    verdict = json.loads(answer.stdout.splitlines()[-1])
    if isinstance(verdict, str) and verdict != REFUSED:
        raise ValueError(verdict)
    return verdict is True


def version(package):
    path = FOLDER / "node_modules" / package / "package.json"
    return json.loads(path.read_text())["version"]
