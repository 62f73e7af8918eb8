"""HTTP requests while the handler runs, for a handler that must know the answer to decide::

    from tollgate_handler import http

    answer = http.get("https://fraud.example.com/score?order=1")
    score = answer.json()["score"]

The manifest grants each origin by `[[handlers.NAME.allow]]` with `immediate = true`, and adds the
credentials. A handler that imports this module is loaded only with such a grant.

A request is no effect: it is sent at least once, at each attempt anew, also where the run then
fails. Redirects are not followed: they are answers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from . import checks, jsons
from .contents import parts
from .errors import HttpError, NoAnswer
from .hosts import Refused, host

Pairs = Mapping[str, Any] | Iterable[tuple[str, Any]]
Octets = bytes | bytearray | memoryview | str


@dataclass(slots=True)
class Answer:
    """The answer to a request, of any status."""

    status: int
    #: Pairs of name (in lower case) and value.
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def header(self, name: str) -> str | None:
        """The first header of this name."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key == wanted), None)

    def text(self) -> str:
        """The body as text. Raises HttpError if it is not UTF-8."""
        try:
            return self.body.decode()
        except UnicodeDecodeError as error:
            raise HttpError(f"the answer {self.status} is no text: {error}", "body") from None

    def json(self, **options: Any) -> Any:
        """The body as JSON. Raises HttpError if it is no JSON."""
        try:
            return jsons.parse(self.body, **options)
        except (ValueError, RecursionError) as error:
            raise HttpError(f"the answer {self.status} is no JSON: {error}", "body") from None


def get(url: str, **options: Any) -> Answer:
    """Sends a GET request, with the options of `request`."""
    return request("GET", url, **options)


def post(url: str, **options: Any) -> Answer:
    """Sends a POST request, with the options of `request`."""
    return request("POST", url, **options)


def request(
    method: str,
    url: str,
    *,
    json: Any = jsons.ABSENT,
    form: Pairs | None = None,
    body: Octets | None = None,
    headers: Pairs | None = None,
    timeout: timedelta | int | float | str | None = None,
) -> Answer:
    """Sends a request of any method to an absolute URL, and waits for the whole answer.

    At most one of `json`, `form` and `body`; the former two set the content type. `timeout` is the
    longest wait: a timedelta, seconds, or a text such as "500ms". Without it the run's own timeout
    counts, which it does in any case.

    Raises HttpError (a Reject) if the request is malformed or denied, and NoAnswer (a Retry) if it
    is not answered.
    """
    method = checks.text(method, "http: the method")
    url = checks.text(url, "http: the URL")
    # The query may hold credentials, and an error's text is recorded.
    start, query, _ = url.partition("?")
    about = f"{method} {start}{'?…' if query else ''}"
    fields, data = parts(json, form, body, headers, about)
    wait = None if timeout is None else checks.duration(timeout, f"{about}: timeout")
    try:
        status, found, octets = host().http_send(method, url, fields, data, wait)
    except Refused as refused:
        tag, why = refused.tag, f"{about}: {refused.value}"
    else:
        return Answer(status, found, octets)
    if tag in ("timeout", "no-answer"):
        raise NoAnswer(why, tag)
    raise HttpError(why, tag)
