"""Events for tests."""

import itertools
from typing import Any

from .. import jsons
from ..event import Event

_numbers = itertools.count(1)


def event(kind: str, value: Any, **fields: Any) -> Event:
    """An event whose payload is JSON, or the given bytes. Stripe's fields are read, if there are
    any. `fields` sets the rest, such as `subject`."""
    raw = value if isinstance(value, bytes) else jsons.write(value, "the event")
    known = value if isinstance(value, dict) else {}
    data = known.get("data")
    about = data.get("object", {}) if isinstance(data, dict) else {}
    created = known.get("created")
    values: dict[str, Any] = {
        "id": f"00000000-0000-4000-8000-{next(_numbers):012}",
        "source": "test",
        "provider_id": known.get("id"),
        "kind": kind,
        "subject": about.get("id"),
        "account": known.get("account"),
        "created_ms": created * 1000 if isinstance(created, int) else None,
        "received_ms": 1_760_000_000_000,
        "attempt": 1,
        "replay": False,
        "headers": [],
        "metadata": [],
        "payload": raw,
    }
    return Event(**(values | fields))


def response(request: Any, status: int, body: Any = "") -> Event:
    """The event that tells how a request ended, which asked for its response."""
    sent = 200 <= status < 300
    text = body if isinstance(body, str) else jsons.write(body, "the body").decode()
    value = {
        "outcome": "sent" if sent else "dead",
        "idempotency_key": request.key,
        "correlation": request.respond or "",
        "status": status,
        "headers": [],
        "body": text,
        "encoding": "text",
        "truncated": False,
        "tries": 1,
        "error": None if sent else f"answered {status}",
    }
    return event("outbox.response", value, source="handler:test", subject=request.respond)


def orders(events: list[Any]) -> list[list[Any]]:
    """Every order of a few events."""
    return [list(order) for order in itertools.permutations(events)]
