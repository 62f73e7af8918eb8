"""What the provider's API told about the event, if the event's source resolves events."""

from dataclasses import dataclass
from typing import Any

from . import jsons
from .errors import PayloadError
from .event import Event
from .hosts import host


@dataclass(slots=True)
class Answer:
    """An answer of the provider's API. `body` is None if the thing is gone."""

    #: The time at which the gateway read the answer, in milliseconds since the Unix epoch.
    read_ms: int
    body: bytes | None

    def json(self, event: Event, **options: Any) -> Any:
        """The answer as JSON; None if the thing is gone. `event` is named in the error."""
        if self.body is None:
            return None
        try:
            return jsons.parse(self.body, **options)
        except (ValueError, RecursionError) as error:
            raise PayloadError(
                f"the payload of {event.kind} cannot be read: its object: {error}"
            ) from None


def object() -> Answer | None:
    """The object that the event is about; None if the gateway did not ask for it."""
    return _answer(host().resolved_object())


def event() -> Answer | None:
    """The event with the fields that the provider does not send; None if it was not asked for."""
    return _answer(host().resolved_event())


def _answer(raw: tuple[int, bytes | None] | None) -> Answer | None:
    return None if raw is None else Answer(*raw)
