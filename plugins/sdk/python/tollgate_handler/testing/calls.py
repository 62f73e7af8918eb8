"""The calls of one run, answered by the gateway in memory."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .. import jsons
from ..hosts import Refused

#: The longest key in bytes, as in the gateway.
_MAX_KEY = 512


@dataclass
class Sent:
    """A request that a handler queued."""

    key: str
    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes
    order_key: str | None
    respond: str | None

    def json(self) -> Any:
        """The body as JSON."""
        return jsons.parse(self.body)


@dataclass
class Emitted:
    """An event that a handler emitted."""

    kind: str
    subject: str | None
    payload: bytes

    def json(self) -> Any:
        """The payload as JSON."""
        return jsons.parse(self.payload)


@dataclass
class Entry:
    """An entry of the schedule."""

    due_ms: int
    relative: bool
    kind: str
    subject: str | None
    payload: bytes


@dataclass
class Calls:
    """What a run asks the gateway for."""

    state: dict[str, bytes]
    config: dict[str, str]
    allow: list[str] | None
    resolved: tuple[int, bytes | None] | None
    key: str
    #: The prepared answers to immediate requests, by method and URL.
    answers: list[Any] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    emitted: list[Emitted] = field(default_factory=list)
    scheduled: dict[str, Entry | None] = field(default_factory=dict)
    logs: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def config_get(self, key: str) -> str | None:
        return self.config.get(key)

    def config_entries(self) -> list[tuple[str, str]]:
        return sorted(self.config.items())

    def log(self, level: str, message: str, fields: list[tuple[str, str]]) -> None:
        self.logs.append((level, message, dict(fields)))

    def state_get(self, key: str) -> bytes | None:
        return self.state.get(_checked(key))

    def state_set(self, key: str, value: bytes) -> None:
        self.state[_checked(key)] = value

    def state_delete(self, key: str) -> None:
        self.state.pop(_checked(key), None)

    def state_list(self, prefix: str, after: str | None, limit: int) -> list[tuple[str, bytes]]:
        found = [(k, v) for k, v in self.state.items() if k.startswith(prefix)]
        return sorted(pair for pair in found if after is None or pair[0] > after)[:limit]

    def state_add(self, key: str, delta: int) -> None:
        try:
            total = int(self.state.get(_checked(key), b"0")) + delta
        except ValueError:
            raise Refused("not-a-counter") from None
        if not -(2**63) <= total < 2**63:
            raise Refused("not-a-counter")
        self.state[key] = str(total).encode()

    def outbox_send(self, method: str, url: str, *parts: Any) -> str:
        split = urlsplit(url)
        if split.scheme not in ("http", "https") or not split.netloc:
            raise Refused("invalid", f"{url} is no absolute URL")
        origin = f"{split.scheme}://{split.netloc}"
        if self.allow is not None and origin not in self.allow:
            raise Refused("not-allowed", origin)
        key = f"{self.key}-{len(self.sent)}"
        self.sent.append(Sent(key, method, url, *parts))
        return key

    def http_send(
        self, method: str, url: str, *_: Any
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        for place, (request, answer) in enumerate(self.answers):
            if request == (method, url):
                del self.answers[place]
                return answer
        raise Refused("denied", f'no answer is prepared: host.answer("{method}", "{url}", …)')

    def emit(self, kind: str, subject: str | None, payload: bytes) -> str:
        self.emitted.append(Emitted(kind, subject, payload))
        return f"{self.key}-event-{len(self.emitted)}"

    def schedule_put(self, key: str, due: tuple[str, int], *parts: Any) -> None:
        self.scheduled[_checked(key)] = Entry(due[1], due[0] == "after-ms", *parts)

    def schedule_cancel(self, key: str) -> None:
        self.scheduled[_checked(key)] = None

    def resolved_object(self) -> tuple[int, bytes | None] | None:
        return self.resolved

    def resolved_event(self) -> tuple[int, bytes | None] | None:
        return None


def _checked(key: str) -> str:
    if not 1 <= len(key.encode()) <= _MAX_KEY:
        raise Refused("invalid-key")
    return key
