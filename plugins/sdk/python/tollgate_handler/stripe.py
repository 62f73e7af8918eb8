"""Stripe's events, in both of their forms."""

from dataclasses import dataclass
from typing import Any

from . import config, resolved
from .errors import ConfigError, PayloadError
from .event import Event

#: What Stripe puts before the type of a snapshot event to get the type of the thin event.
_THIN = "v1."


@dataclass(slots=True)
class Envelope:
    """An event of Stripe with the object that it is about."""

    id: str
    kind: str
    #: Seconds since the Unix epoch.
    created: int
    livemode: bool | None
    account: str | None
    #: The object; None if the event is thin and Stripe no longer has it.
    object: Any
    #: When the object was read from Stripe's API; None if it came with the event.
    read_ms: int | None


def kind(event: Event) -> str:
    """The event type in the words of snapshot events, for thin events too."""
    return event.kind.removeprefix(_THIN)


def read(event: Event) -> Envelope:
    """Reads an event with its object: a snapshot event, or a thin one, whose object the gateway has
    read from Stripe's API."""
    raw = event.json()
    if not isinstance(raw, dict) or not isinstance(raw.get("id"), str):
        raise _unreadable(event, "it is no event of Stripe")
    return _thin(event, raw) if event.kind.startswith(_THIN) else _snapshot(event, raw)


def _snapshot(event: Event, raw: dict[str, Any]) -> Envelope:
    data = raw.get("data")
    found = data.get("object") if isinstance(data, dict) else None
    if not isinstance(found, dict):
        raise _unreadable(event, "it has no `data.object`")
    return Envelope(
        id=raw["id"],
        kind=raw.get("type", event.kind),
        created=raw.get("created", 0),
        livemode=raw.get("livemode"),
        account=raw.get("account"),
        object=found,
        read_ms=None,
    )


def _thin(event: Event, raw: dict[str, Any]) -> Envelope:
    answer = resolved.object()
    if answer is None:
        raise _unreadable(
            event,
            "a thin event has no object: set `resolve` on its source in the manifest, or see in "
            "`tollgate events show` why the object was not asked for",
        )
    created = event.received_ms if event.created_ms is None else event.created_ms
    context = raw.get("context")
    return Envelope(
        id=raw["id"],
        kind=kind(event),
        created=created // 1000,
        livemode=raw.get("livemode"),
        account=context.split("/")[-1] if context else None,
        object=answer.json(event),
        read_ms=answer.read_ms,
    )


def _unreadable(event: Event, why: str) -> PayloadError:
    return PayloadError(f"the payload of {event.kind} cannot be read: {why}")


def id_of(reference: Any) -> str | None:
    """The id of a reference: Stripe sends the id alone, or the whole object if it is expanded."""
    if isinstance(reference, dict):
        reference = reference.get("id")
    return reference if isinstance(reference, str) else None


def other_mode(envelope: Envelope) -> str | None:
    """The reason to ignore an event of the other mode; None if the handler acts on the event.

    The key `livemode` of the handler's config says which events it acts on: `true` (the default)
    for live events, `false` for events of the test mode, `"any"` for both.
    """
    live = True if envelope.livemode is None else envelope.livemode
    wanted = config.get("livemode", "true")
    if wanted == "any" or wanted == ("true" if live else "false"):
        return None
    if wanted not in ("true", "false"):
        raise ConfigError(
            f'the handler\'s config needs `livemode`: it is true, false or "any", not "{wanted}"'
        )
    wants = "live events" if wanted == "true" else "events of the test mode"
    return (
        f"{envelope.id} is of the {'live' if live else 'test'} mode, and this handler acts on "
        f"{wants} alone (config `livemode`)"
    )
