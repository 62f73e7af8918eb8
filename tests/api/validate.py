"""Compares TOML with the JSON Schema of the manifest.

usage: validate.py SCHEMA

Reads a JSON object from standard input: names with TOML texts. Writes a JSON object: each name with
its mistakes, as {"where": …, "what": …}.
"""

import json
import sys
import tomllib

import jsonschema_rs


def mistakes(validator, text):
    # JSON has no times: a time becomes a text, as an editor takes it.
    value = json.loads(json.dumps(tomllib.loads(text), default=str))
    found = validator.iter_errors(value)
    where = lambda error: "/".join(str(part) for part in error.instance_path)
    return [{"where": where(error), "what": error.message} for error in found]


def main():
    with open(sys.argv[1]) as file:
        validator = jsonschema_rs.Draft7Validator(json.load(file))
    texts = json.load(sys.stdin)
    json.dump({name: mistakes(validator, text) for name, text in texts.items()}, sys.stdout)


if __name__ == "__main__":
    main()
