"""New events that a handler makes. The manifest's routes decide which handlers receive them."""

from typing import Any

from . import checks, jsons
from .errors import EmitError
from .hosts import calling, host


def event(
    kind: str,
    *,
    subject: str | None = None,
    json: Any = jsons.ABSENT,
    payload: bytes | bytearray | memoryview | str | None = None,
) -> str:
    """Emits an event when the delivery commits. Returns the id of the future event."""
    kind = checks.text(kind, "emit.event: the type")
    about = f"event {kind}"
    subject = checks.optional_text(subject, f"{about}: subject")
    data = jsons.payload(json, payload, about)
    return calling(EmitError, about, host().emit, kind, subject, data)
