"""Handlers for Tollgate, a gateway for payment webhooks, in Python.

A handler is a function from an event to an outcome::

    from tollgate_handler import Event, config, done, handler, outbox, state

    @handler("charge.refunded")
    def refunded(event: Event):
        charge = event.json()["data"]["object"]
        state.add(f"refunded/{charge['currency']}", charge["amount_refunded"])
        outbox.post(config.require("ledger_url"), json={"charge": charge["id"]})
        return done()

The gateway commits the effects of a run (`state`, `outbox`, `emit`, `schedule`) together with the
delivery's completion, or not at all. `Retry` and `Reject` are raised to end a delivery without
effects. Any other exception fails the attempt; its traceback is logged.
"""

from . import config, emit, log, outbox, resolved, schedule, state, stripe
from .errors import (
    ConfigError,
    EmitError,
    HttpError,
    NoAnswer,
    OutboxError,
    PayloadError,
    Reject,
    Retry,
    ScheduleError,
    StateError,
)
from .event import Event
from .handlers import handler
from .outcome import Outcome, done, ignored
from .response import Response

__all__ = [
    "ConfigError",
    "EmitError",
    "Event",
    "HttpError",
    "NoAnswer",
    "Outcome",
    "OutboxError",
    "PayloadError",
    "Reject",
    "Response",
    "Retry",
    "ScheduleError",
    "StateError",
    "config",
    "done",
    "emit",
    "handler",
    "ignored",
    "log",
    "outbox",
    "resolved",
    "schedule",
    "state",
    "stripe",
]
