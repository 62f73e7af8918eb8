"""Loads what Python itself loads late: at run time there is no file to load from."""

import importlib
import linecache
import sys

#: Codecs that `encode`, `decode` and their like load by name.
_CODECS = [
    "ascii",
    "charmap",
    "cp1250",
    "cp1251",
    "cp1252",
    "cp437",
    "cp850",
    "idna",
    "iso8859_1",
    "iso8859_15",
    "iso8859_2",
    "latin_1",
    "mac_roman",
    "punycode",
    "raw_unicode_escape",
    "unicode_escape",
    "utf_16",
    "utf_16_be",
    "utf_16_le",
    "utf_32",
    "utf_8",
    "utf_8_sig",
]
#: Modules that functions of the standard library load when they are called.
_LATE = ["_strptime", "calendar", "decimal", "fractions", "numbers", "stringprep", "unicodedata"]

_zones: list[object] = []


class Problem(Exception):
    """A mistake in the project: the message says what to write instead."""


def modules(names: list[str]) -> None:
    """Loads the modules that Python or the project imports inside functions."""
    for name in [*(f"encodings.{codec}" for codec in _CODECS), *_LATE]:
        importlib.import_module(name)
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError:
            # The project may catch this itself: it is told at the build, as a warning.
            pass


def handler(name: str) -> None:
    """Loads the handler's module, and checks that it has a handler."""
    from tollgate_handler import handlers

    importlib.import_module(name)
    if handlers.count() == 0:
        raise Problem(
            f"{name}.py has no handler. Write `@handler` or "
            '`@handler("payment_intent.succeeded")` before a function'
        )


def zones() -> None:
    """Loads all time zones, if the project uses them: their data are files."""
    zoneinfo = sys.modules.get("zoneinfo")
    if zoneinfo is None:
        return
    found = zoneinfo.available_timezones()
    if not found:
        raise Problem(
            "the handler uses zoneinfo, whose data are missing: install the package tzdata beside "
            "the compiler"
        )
    _zones.extend(zoneinfo.ZoneInfo(name) for name in sorted(found))


def sources(files: dict[str, str]) -> None:
    """Keeps the lines of the handler's own files, for tracebacks."""
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None) or ""
        name = path.split("/", 2)[-1]
        if name in files:
            text = files[name]
            # Without a time of change the lines are never looked up in a file again.
            linecache.cache[path] = (len(text), None, text.splitlines(True), path)
