"""JSON as the gateway's other languages write it: compact, in UTF-8, without NaN."""

import json
from typing import Any

from . import checks


def parse(data: bytes | str, **options: Any) -> Any:
    """Reads JSON. Integers are exact; `parse_float=Decimal` keeps fractions exact too."""
    if isinstance(data, bytes):
        data = data.decode()
    return json.loads(data, parse_constant=_refuse, **options)


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def write(value: Any, what: str) -> bytes:
    """Writes JSON. Refuses NaN and infinities, and what has no form in JSON."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"{what} is no JSON: {error}") from None


def payload(value: Any, data: Any, about: str) -> bytes:
    """The payload of an event that a handler makes: `json`, or `payload` with any bytes."""
    if value is not ABSENT and data is not None:
        raise TypeError(f"{about}: json and payload exclude each other")
    if value is not ABSENT:
        return write(value, f"{about}: json")
    return b"" if data is None else checks.octets(data, f"{about}: payload")


class _Absent:
    """The value of a `json` that is not given: None is a value of JSON."""

    def __repr__(self) -> str:
        return "…"


ABSENT: Any = _Absent()
