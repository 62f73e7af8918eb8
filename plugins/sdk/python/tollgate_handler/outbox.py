"""HTTP requests that the gateway sends after the delivery's commit.

The gateway sends each request at least once, until a response with a 2xx status arrives or the
request becomes a dead letter. Each call returns the idempotency key of its request.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from . import checks, jsons
from .contents import parts
from .errors import OutboxError
from .hosts import calling, host

Pairs = Mapping[str, Any] | Iterable[tuple[str, Any]]
Octets = bytes | bytearray | memoryview | str


def post(url: str, **options: Any) -> str:
    """Queues a POST request, with the options of `request`."""
    return request("POST", url, **options)


def put(url: str, **options: Any) -> str:
    """Queues a PUT request, with the options of `request`."""
    return request("PUT", url, **options)


def delete(url: str, **options: Any) -> str:
    """Queues a DELETE request, with the options of `request`."""
    return request("DELETE", url, **options)


def request(
    method: str,
    url: str,
    *,
    json: Any = jsons.ABSENT,
    form: Pairs | None = None,
    body: Octets | None = None,
    headers: Pairs | None = None,
    order_key: str | None = None,
    respond: str | None = None,
) -> str:
    """Queues a request of any method to an absolute URL.

    At most one of `json`, `form` and `body`; the former two set the content type. Requests with the
    same `order_key` go out one after another, in the order of their commits. `respond` asks for the
    response, as an event of type `outbox.response` with this text.
    """
    method = checks.text(method, "outbox: the method")
    url = checks.text(url, "outbox: the URL")
    about = f"request to {url}"
    fields, data = parts(json, form, body, headers, about)
    order_key = checks.optional_text(order_key, f"{about}: order_key")
    respond = checks.optional_text(respond, f"{about}: respond")
    send = host().outbox_send
    return calling(OutboxError, about, send, method, url, fields, data, order_key, respond)
