"""The errors of a handler.

`Retry` and `Reject` are answers to the gateway. Any other exception is a mistake in the handler:
the attempt fails, with the exception's last line and place as its reason.
"""

from datetime import timedelta

from . import checks


class Retry(Exception):
    """Asks for another attempt. The gateway commits none of the run's effects.

    `after` is the shortest wait before the next attempt: a timedelta, seconds, or a text such as
    "10m". Without it the handler's retry policy chooses.
    """

    def __init__(self, reason: str, *, after: timedelta | int | float | str | None = None):
        super().__init__(checks.text(reason, "Retry: the reason"))
        self.reason = reason
        self.after_ms = None if after is None else checks.duration(after, "Retry: `after`")


class Reject(Exception):
    """Makes the delivery a dead letter at once. The gateway commits none of the run's effects."""

    def __init__(self, reason: str):
        super().__init__(checks.text(reason, "Reject: the reason"))
        self.reason = reason


class CallError(Reject):
    """An error of a call. It rejects the delivery unless the handler catches it: the event's bytes,
    the handler's code and the manifest would be the same at the next attempt.

    `problem` is the kind of the problem, such as "too-large".
    """

    def __init__(self, reason: str, problem: str | None = None):
        super().__init__(reason)
        self.problem = problem


class PayloadError(CallError):
    """The payload is no JSON, or not UTF-8."""


class StateError(CallError):
    """A call on the handler's state failed."""


class OutboxError(CallError):
    """A request was not queued."""


class HttpError(CallError):
    """An immediate request is malformed, was denied, or its answer cannot be read."""


class NoAnswer(Retry):
    """An immediate request was not answered. Unless the handler catches it, the attempt is
    repeated. `problem` is "timeout" or "no-answer"."""

    def __init__(self, reason: str, problem: str):
        super().__init__(reason)
        self.problem = problem


class EmitError(CallError):
    """An event was not emitted."""


class ScheduleError(CallError):
    """An event was not scheduled or not cancelled."""


class ConfigError(CallError):
    """A key of the handler's config is missing or has an unusable value."""
