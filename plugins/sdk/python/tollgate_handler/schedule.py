"""Events that a handler sends to itself at a later time, at most 400 days ahead."""

from datetime import datetime, timedelta
from typing import Any

from . import checks, jsons
from .errors import ScheduleError
from .hosts import calling, host


def put(
    key: str,
    kind: str,
    *,
    after: timedelta | int | float | str | None = None,
    at: datetime | int | None = None,
    subject: str | None = None,
    json: Any = jsons.ABSENT,
    payload: bytes | bytearray | memoryview | str | None = None,
) -> None:
    """Puts an entry when the delivery commits. Replaces the entry of the same key.

    The event is due `after` the commit (a timedelta, seconds, or a text such as "3d") or `at` a
    time of day (a datetime with a time zone, or milliseconds since the Unix epoch).
    """
    key = checks.text(key, "schedule.put: the key")
    about = f'schedule key "{key}"'
    due = _due(after, at, about)
    kind = checks.text(kind, f"{about}: the type")
    subject = checks.optional_text(subject, f"{about}: subject")
    data = jsons.payload(json, payload, about)
    calling(ScheduleError, about, host().schedule_put, key, due, kind, subject, data)


def cancel(key: str) -> None:
    """Removes the entry of a key when the delivery commits. A key without an entry is no error."""
    key = checks.text(key, "schedule.cancel: the key")
    calling(ScheduleError, f'schedule key "{key}"', host().schedule_cancel, key)


def _due(after: Any, at: Any, about: str) -> tuple[str, int]:
    if (after is None) == (at is None):
        raise TypeError(f"{about}: one of after and at says when the event is due")
    if after is not None:
        return "after-ms", checks.duration(after, f"{about}: after")
    if isinstance(at, datetime):
        if at.tzinfo is None:
            raise ValueError(f"{about}: at has no time zone. Write datetime(…, tzinfo=UTC)")
        at = int(at.timestamp() * 1000)
    return "at-ms", checks.integer(at, f"{about}: at in milliseconds", 0, checks.MAX_U64)
