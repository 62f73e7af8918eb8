"""The event that a handler receives."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import jsons
from .errors import PayloadError

if TYPE_CHECKING:
    from .response import Response


@dataclass(slots=True)
class Event:
    """An event whose signature the gateway verified and which it recorded durably.

    All times are milliseconds since the Unix epoch.
    """

    #: The gateway's id of the event, a UUID: the same for every attempt and every replay.
    id: str
    #: The source that received the event; `handler:NAME` for an emitted or scheduled event.
    source: str
    #: The provider's own id, such as `evt_…`.
    provider_id: str | None
    #: The event type in the provider's words, such as `payment_intent.succeeded`.
    kind: str
    #: The id of the object that the event is about.
    subject: str | None
    #: The connected account or merchant that the event belongs to.
    account: str | None
    #: The time at which the event happened, by the provider.
    created_ms: int | None
    #: The time at which the gateway received the event.
    received_ms: int
    #: The number of this attempt. The first attempt is 1.
    attempt: int
    #: True if an operator asked for a replay.
    replay: bool
    #: The recorded request headers: pairs of name (in lower case) and value.
    headers: list[tuple[str, str]]
    #: Facts that the gateway adds: pairs of name and value.
    metadata: list[tuple[str, str]]
    #: The exact bytes of the event, as the provider sent them.
    payload: bytes

    def text(self) -> str:
        """The payload as text. Raises PayloadError if it is not UTF-8."""
        try:
            return self.payload.decode()
        except UnicodeDecodeError as error:
            raise PayloadError(f"the payload of {self.kind} cannot be read: {error}") from None

    def json(self, **options: Any) -> Any:
        """The payload as JSON. Integers are exact, and with `parse_float=Decimal` fractions too."""
        try:
            return jsons.parse(self.payload, **options)
        except (ValueError, RecursionError) as error:
            raise PayloadError(f"the payload of {self.kind} cannot be read: {error}") from None

    def header(self, name: str) -> str | None:
        """The first recorded header of this name."""
        return _find(self.headers, name.lower())

    def fact(self, name: str) -> str | None:
        """A value of the event's metadata, such as `emitted-by`."""
        return _find(self.metadata, name)

    @property
    def scheduled(self) -> str | None:
        """The key under which the handler scheduled this event."""
        return self.fact("schedule")

    def response(self) -> "Response | None":
        """The response that this event carries, if it is an `outbox.response`."""
        from_event = _responses()
        return from_event(self) if self.kind == "outbox.response" else None


def _find(pairs: list[tuple[str, str]], name: str) -> str | None:
    return next((value for key, value in pairs if key == name), None)


def _responses() -> Any:
    from .response import response_of  # The modules name each other.

    return response_of
