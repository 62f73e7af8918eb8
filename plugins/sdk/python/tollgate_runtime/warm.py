"""Handles events while the component is built, without the project's own code.

Python makes the bytecode of a function faster as it runs, by writing into it. What is written here
is in the snapshot, and need not be written for each event.
"""

from tollgate_handler import Event, config, done, handlers, log, outbox, state
from wit_world.imports import types

from . import entry

#: More often than any instruction waits before it is made faster.
_TIMES = 100

_PAYLOAD = b"""{"id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "data": {
"object": {"id": "pi_1", "amount_received": 4200, "currency": "eur", "livemode": true,
"description": null, "shipping": {"address": {"country": "DE"}}, "methods": ["card", "link"],
"rate": 1.5}}}"""


class _Quiet:
    """A gateway that keeps nothing."""

    config_get = staticmethod(lambda key: "https://example.com/")
    state_get = staticmethod(lambda key: None)
    state_set = staticmethod(lambda key, value: None)
    state_add = staticmethod(lambda key, delta: None)
    outbox_send = staticmethod(lambda *parts: "1")
    log = staticmethod(lambda level, message, fields: None)


def _handle(event: Event):
    payment = event.json()["data"]["object"]
    if not state.contains(f"seen/{payment['id']}"):
        state.set_bytes(f"seen/{payment['id']}", event.id)
        state.add(f"total/{payment['currency']}", payment["amount_received"])
    outbox.post(config.require("url"), json={"id": payment["id"]}, order_key=payment["id"])
    log.info("told", object=payment["id"])
    return done()


def up() -> None:
    """Handles events."""
    event = types.Event(
        "1", "stripe", "evt_1", "warm", None, None, 1, 1, 1, False, [], [], _PAYLOAD
    )
    gateway, table = entry.Gateway, list(handlers._table)
    entry.Gateway = _Quiet
    handlers.forget()
    handlers.handler("warm")(_handle)
    try:
        for _ in range(_TIMES):
            entry.WitWorld().handle(event)
    finally:
        entry.Gateway = gateway
        handlers._table[:] = table
        entry.use(None)
