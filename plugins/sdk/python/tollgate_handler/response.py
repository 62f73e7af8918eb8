"""The response of a request that asked for it with `respond`."""

import base64
from dataclasses import dataclass
from typing import Any

from . import jsons
from .errors import PayloadError
from .event import Event

_UNREADABLE = "the payload of outbox.response cannot be read"


@dataclass(slots=True)
class Response:
    """The end of a request that asked for its response."""

    #: "sent" after a 2xx response, else "dead".
    outcome: str
    idempotency_key: str
    #: The text that the handler passed to `respond`.
    correlation: str
    #: The status of the last response; None without a response.
    status: int | None
    headers: list[tuple[str, str]]
    #: The body of the last response; empty without a response.
    body: bytes
    #: True if a part of the headers or of the body is missing.
    truncated: bool
    #: The number of times that the request was sent.
    tries: int
    error: str | None

    @property
    def is_success(self) -> bool:
        """Whether a response with a 2xx status arrived."""
        return self.outcome == "sent"

    def header(self, name: str) -> str | None:
        """The first header of this name."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key == wanted), None)

    def text(self) -> str:
        """The body as text. Raises PayloadError if it is not UTF-8."""
        try:
            return self.body.decode()
        except UnicodeDecodeError as error:
            raise PayloadError(f"{_UNREADABLE}: the response body: {error}") from None

    def json(self, **options: Any) -> Any:
        """The body as JSON."""
        try:
            return jsons.parse(self.body, **options)
        except (ValueError, RecursionError) as error:
            raise PayloadError(f"{_UNREADABLE}: the response body: {error}") from None


def response_of(event: Event) -> Response:
    """Reads the event of type `outbox.response`."""
    raw = event.json()
    body = raw["body"] or ""
    data = base64.b64decode(body) if raw["encoding"] == "base64" else body.encode()
    return Response(
        outcome=raw["outcome"],
        idempotency_key=raw["idempotency_key"],
        correlation=raw["correlation"],
        status=raw["status"],
        headers=[(name, value) for name, value in raw["headers"]],
        body=data,
        truncated=raw["truncated"],
        tries=raw["tries"],
        error=raw["error"],
    )
