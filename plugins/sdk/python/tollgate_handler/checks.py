"""Checks of arguments before they cross to the gateway.

The binding ends the run past `try` and `except` if a value has the wrong type or range. Here each
wrong value is a TypeError or a ValueError that names the argument.
"""

import re
from datetime import timedelta

MAX_I64 = 2**63 - 1
MAX_U64 = 2**64 - 1

_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def name_of(value: object) -> str:
    """The names of values in messages: "the int 5", "None", "a list"."""
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, (int, float)):
        return f"the {type(value).__name__} {value}"
    if isinstance(value, str):
        return f"the text {value[:40] + '…' if len(value) > 40 else value!r}"
    name = type(value).__name__
    return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"


def text(value: object, what: str) -> str:
    """A text that can be written as UTF-8."""
    if not isinstance(value, str):
        raise TypeError(f"{what} is a text (str), not {name_of(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"{what} has half a surrogate pair: it cannot be written as UTF-8"
        ) from None
    # A subclass, such as a StrEnum, crosses as the text that it is.
    return value if type(value) is str else str.__str__(value)


def optional_text(value: object, what: str) -> str | None:
    """A text, or None."""
    return None if value is None else text(value, what)


def octets(value: object, what: str) -> bytes:
    """Bytes: a text counts as its UTF-8."""
    if type(value) is bytes:
        return value
    if isinstance(value, str):
        return text(value, what).encode()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise TypeError(f"{what} is bytes, a bytearray or a text (str), not {name_of(value)}")


def integer(value: object, what: str, low: int, high: int) -> int:
    """A whole number within a range."""
    wanted = f"{what} is a whole number from {low} to {high}"
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{wanted}, not {name_of(value)}")
    if not low <= value <= high:
        raise ValueError(f"{wanted}, not {value}")
    return int(value)


def duration(value: object, what: str) -> int:
    """Milliseconds of a timedelta, of seconds, or of a text such as "90s" or "3d"."""
    if isinstance(value, timedelta):
        milliseconds = value // timedelta(milliseconds=1)
    elif isinstance(value, str) and (parts := re.fullmatch(r"(\d{1,15})(ms|s|m|h|d)", value)):
        milliseconds = int(parts[1]) * _UNITS[parts[2]]
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and value == value:
        milliseconds = int(value * 1000) if abs(value) < 2**53 else MAX_U64 + 1
    else:
        raise TypeError(
            f'{what} is a timedelta, a number of seconds, or a text such as "30s", "15m", "2h" or '
            f'"3d", not {name_of(value)}'
        )
    return integer(milliseconds, f"{what} in milliseconds", 0, MAX_U64)


def pairs(value: object, what: str) -> list[tuple[str, str]]:
    """Pairs of name and value, from a mapping or from pairs."""
    if value is None:
        return []
    entries = value.items() if hasattr(value, "items") else value
    if isinstance(entries, (str, bytes)) or not hasattr(entries, "__iter__"):
        raise TypeError(f"{what} is a dict or a list of pairs, not {name_of(value)}")
    found = []
    for index, pair in enumerate(entries):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TypeError(f"{what}: entry {index} is a pair of name and value")
        name = text(pair[0], f"{what}: a name")
        content = pair[1]
        if isinstance(content, bool):
            content = "true" if content else "false"
        elif isinstance(content, int):
            content = str(content)
        found.append((name, text(content, f"{what}: the value of {name}")))
    return found
