"""Collects requests with the verdicts of an official library and of Tollgate.

Each provider's script signs requests, asks the provider's own library about each, and saves them
as `vectors/SCHEME.json`, which Tollgate's unit tests read. If the two verdicts differ on purpose,
the vector contains the reason.
"""

import base64
import json
import pathlib
from importlib.metadata import version

from freezegun import freeze_time

# The time of every vector without a time of its own: 2025-10-09T08:53:20Z.
NOW = 1_760_000_000


class Vectors:
    def __init__(self, scheme, *packages):
        self.scheme = scheme
        self.made_with = {package: version(package) for package in packages}
        self.vectors = []

    def add(self, name, headers, body, secrets, expect, sdk, *, differs=None, now=NOW, **more):
        """Adds a vector. `sdk` runs at the vector's time, and raises or returns false to refuse the
        request; it is None if there is no library. `expect` is a list of events, the code of a
        rejection, or `unreadable:CODE` if the signature holds and Tollgate records an event that
        it cannot read; libraries differ there, so they are not asked."""
        accepted = isinstance(expect, list)
        unreadable = not accepted and expect.startswith("unreadable:")
        if sdk is not None and not unreadable:
            with freeze_time(datetime_of(now)):
                verdict = asks(sdk)
            if (verdict is True) != accepted and differs is None:
                raise SystemExit(f"{self.scheme}: {name}: the library says {verdict}")
            if (verdict is True) == accepted and differs is not None:
                raise SystemExit(f"{self.scheme}: {name}: no difference to explain")
        vector = {"name": name, "headers": headers, "secrets": secrets, "now": now}
        try:
            vector["body"] = body.decode()
        except UnicodeDecodeError:
            vector["body_base64"] = base64.b64encode(body).decode()
        vector |= more
        if accepted:
            vector["events"] = expect
        elif unreadable:
            vector["unreadable"] = expect.removeprefix("unreadable:")
        else:
            vector["rejection"] = expect
        if differs and not unreadable:
            vector["library_differs"] = differs
        self.vectors.append(vector)

    def save(self):
        names = [vector["name"] for vector in self.vectors]
        assert len(names) == len(set(names)), "names repeat"
        path = pathlib.Path(__file__).parent / "vectors" / f"{self.scheme}.json"
        whole = {"scheme": self.scheme, "made_with": self.made_with, "vectors": self.vectors}
        path.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
        print(f"{path.name}: {len(names)} vectors")


def datetime_of(seconds):
    from datetime import datetime, timezone

    return datetime.fromtimestamp(seconds, timezone.utc)


def asks(sdk):
    """Returns True, or the reason of the library's refusal."""
    try:
        return True if sdk() is not False else "it returned false"
    except Exception as error:  # any exception of a library is a refusal
        return f"{type(error).__name__}: {error}"
