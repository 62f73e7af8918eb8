"""A gateway in memory, for the tests of handlers.

It keeps their state, requests, events and schedule, and applies the effects of a run only if the
run succeeds, as the gateway does.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from .. import jsons
from ..errors import Reject, Retry
from ..event import Event
from ..hosts import use
from ..outcome import Outcome, outcome_of
from . import events
from .calls import Calls, Emitted, Entry, Sent

Handle = Callable[[Event], Any]


@dataclass
class Run:
    """One run of a handler. A run that failed has no effects."""

    #: The outcome, or the Retry or Reject that was raised.
    result: Outcome | Retry | Reject
    sent: list[Sent]
    emitted: list[Emitted]
    #: The log lines: level, message and fields.
    logs: list[tuple[str, str, dict[str, str]]]


@dataclass
class Host:
    """A gateway in memory."""

    #: The handler's config. Values that are no text become their JSON.
    config: dict[str, Any] = field(default_factory=dict)
    #: The origins that requests may go to; None for all.
    allow: list[str] | None = None
    #: The requests of all runs that succeeded, in order.
    sent: list[Sent] = field(default_factory=list)
    emitted: list[Emitted] = field(default_factory=list)
    #: The entries of the schedule by key.
    scheduled: dict[str, Entry] = field(default_factory=dict)
    now_ms: int = 1_760_000_000_000
    _state: dict[str, bytes] = field(default_factory=dict)
    _resolved: dict[str, tuple[int, bytes | None]] = field(default_factory=dict)
    _answers: list[Any] = field(default_factory=list)

    def resolve(self, event: Event, found: Any) -> None:
        """Sets what the provider's API tells of an event's object; None if it is gone."""
        body = None if found is None else jsons.write(found, "the object")
        self._resolved[event.id] = (event.received_ms + 1000, body)

    def answer(
        self,
        method: str,
        url: str,
        status: int = 200,
        body: Any = b"",
        headers: dict[str, str] | None = None,
    ) -> None:
        """Prepares the answer to the next immediate request of this method and URL. A body that is
        neither bytes nor text becomes its JSON."""
        plain = body if isinstance(body, (bytes, str)) else jsons.write(body, "the answer")
        octets = plain.encode() if isinstance(plain, str) else plain
        fields = [(name.lower(), value) for name, value in (headers or {}).items()]
        self._answers.append(((method, url), (status, fields, octets)))

    def run(self, handle: Handle, event: Event) -> Run:
        """Handles an event. Exceptions other than Retry and Reject are raised."""
        texts = {
            key: value if isinstance(value, str) else jsons.write(value, key).decode()
            for key, value in self.config.items()
        }
        calls = Calls(
            state=dict(self._state),
            config=texts,
            allow=self.allow,
            resolved=self._resolved.get(event.id),
            answers=self._answers,
            key=f"{event.id}-{len(self.sent)}",
        )
        before = use(calls)
        try:
            outcome = outcome_of(handle(event))
        except (Retry, Reject) as error:
            return Run(error, [], [], calls.logs)
        finally:
            use(before)
        self._commit(calls)
        return Run(outcome, calls.sent, calls.emitted, calls.logs)

    def _commit(self, calls: Calls) -> None:
        self._state = calls.state
        self.sent += calls.sent
        self.emitted += calls.emitted
        for key, entry in calls.scheduled.items():
            if entry is None:
                self.scheduled.pop(key, None)
            else:
                entry.due_ms += self.now_ms if entry.relative else 0
                self.scheduled[key] = entry

    def advance(self, handle: Handle, time: timedelta) -> list[Run]:
        """Lets time pass, and handles the scheduled events that become due."""
        runs = []
        end = self.now_ms + time // timedelta(milliseconds=1)
        while due := [
            (entry.due_ms, key) for key, entry in self.scheduled.items() if entry.due_ms <= end
        ]:
            when, key = min(due)
            entry = self.scheduled.pop(key)
            self.now_ms = max(self.now_ms, when)
            event = events.event(
                entry.kind,
                entry.payload,
                source="handler:test",
                subject=entry.subject,
                created_ms=when,
                metadata=[("schedule", key)],
            )
            runs.append(self.run(handle, event))
        self.now_ms = end
        return runs

    def respond(self, handle: Handle, request: Sent, status: int, body: Any = "") -> Run:
        """Handles the response to a request that asked for it."""
        return self.run(handle, events.response(request, status, body))

    def state(self, key: str) -> Any:
        """The value of a key of the state; None if it is absent."""
        data = self._state.get(key)
        return None if data is None else jsons.parse(data)

    def set_state(self, key: str, value: Any) -> None:
        """Sets a value of the state."""
        self._state[key] = jsons.write(value, key)

    def keys(self) -> list[str]:
        """The keys of the state, in order."""
        return sorted(self._state)

    def counter(self, key: str) -> int:
        """The value of a counter; 0 if the key is absent."""
        return self.state(key) or 0
