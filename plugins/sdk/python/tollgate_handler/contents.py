"""The bodies of requests."""

from typing import Any
from urllib.parse import quote_plus

from . import checks, jsons


def content(json: Any, form: Any, body: Any, about: str) -> tuple[str | None, bytes]:
    """The content type and the bytes of a request with at most one of these."""
    if (json is not jsons.ABSENT) + (form is not None) + (body is not None) > 1:
        raise TypeError(f"{about}: json, form and body exclude each other")
    if json is not jsons.ABSENT:
        return "application/json", jsons.write(json, f"{about}: json")
    if form is not None:
        pairs = checks.pairs(form, f"{about}: form")
        encoded = "&".join(f"{_encode(name)}={_encode(value)}" for name, value in pairs)
        return "application/x-www-form-urlencoded", encoded.encode()
    return None, b"" if body is None else checks.octets(body, f"{about}: body")


def parts(
    json: Any, form: Any, body: Any, headers: Any, about: str
) -> tuple[list[tuple[str, str]], bytes]:
    """The headers and the bytes of a request, with the content type unless a header has one."""
    kind, data = content(json, form, body, about)
    fields = checks.pairs(headers, f"{about}: headers")
    if kind and not any(name.lower() == "content-type" for name, _ in fields):
        fields.append(("content-type", kind))
    return fields, data


def _encode(text: str) -> str:
    # The form encoding of the URL Standard keeps `*` and encodes `~`.
    return quote_plus(text, safe="*").replace("~", "%7E")
