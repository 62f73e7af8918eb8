"""Log lines. The gateway keeps them with the attempt and shows them to the operator.

A log line never fails: what is no text is written as one.
"""

from typing import Any

from .hosts import host

#: The longest message or value of a line, in characters.
MAX_TEXT = 16 << 10
#: The most fields of a line.
_MAX_FIELDS = 64


def cut(text: str, limit: int = MAX_TEXT) -> str:
    """A text as it may cross to the gateway: valid UTF-8, and not longer than `limit`."""
    if len(text) > limit:
        text = text[:limit] + "…"
    return text if text.isascii() else text.encode(errors="replace").decode()


def write(level: str, message: Any, fields: dict[str, Any]) -> None:
    """Writes one line of a level: "trace", "debug", "info", "warn" or "error"."""
    pairs = [(cut(name), _text(value)) for name, value in list(fields.items())[:_MAX_FIELDS]]
    host().log(level, _text(message), pairs)


def _text(value: Any) -> str:
    try:
        return cut(value if isinstance(value, str) else str(value))
    except Exception as error:
        return f"[a value that cannot be shown: {type(error).__name__}]"


def trace(message: Any, **fields: Any) -> None:
    """Logs a line for the author of the handler, step by step."""
    write("trace", message, fields)


def debug(message: Any, **fields: Any) -> None:
    """Logs a line for the author of the handler."""
    write("debug", message, fields)


def info(message: Any, **fields: Any) -> None:
    """Logs a line about work that was done."""
    write("info", message, fields)


def warn(message: Any, **fields: Any) -> None:
    """Logs a line about something odd."""
    write("warn", message, fields)


def error(message: Any, **fields: Any) -> None:
    """Logs a line about something wrong."""
    write("error", message, fields)
