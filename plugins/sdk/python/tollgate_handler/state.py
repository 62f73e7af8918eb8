"""Durable keys and values that belong to this handler alone.

Values are JSON; the functions with `bytes` in their names take any bytes. A key has 1 to 512 bytes.
A handler sees its own writes at once. State is serializable: the commit checks everything that the
run read.
"""

import builtins
from typing import Any

from . import checks, jsons
from .errors import StateError
from .hosts import calling, host

#: Entries that `list` asks for at a time.
_PAGE = 256


def _about(key: str) -> str:
    return f'state key "{key}"'


def get(key: str, default: Any = None, **options: Any) -> Any:
    """The value of a key; `default` if the key is absent."""
    data = get_bytes(key)
    return default if data is None else _read(key, data, options)


def set(key: str, value: Any) -> None:
    """Sets the value of a key, as JSON."""
    checks.text(key, "state.set: the key")
    set_bytes(key, jsons.write(value, f'state.set("{key}"): the value'))


def contains(key: str) -> bool:
    """Whether a key has a value."""
    return get_bytes(key) is not None


def delete(key: str) -> None:
    """Removes a key. An absent key is no error."""
    key = checks.text(key, "state.delete: the key")
    calling(StateError, _about(key), host().state_delete, key)


def list(prefix: str, **options: Any) -> "builtins.list[tuple[str, Any]]":
    """All entries whose keys begin with `prefix`, in byte order of their keys."""
    entries: builtins.list[tuple[str, Any]] = []
    after = None
    while True:
        page = list_bytes(prefix, after=after, limit=_PAGE)
        entries += [(key, _read(key, data, options)) for key, data in page]
        if len(page) < _PAGE:
            return entries
        after = page[-1][0]


def add(key: str, delta: int) -> None:
    """Adds to a counter, a signed 64-bit integer. Never conflicts with other deliveries."""
    key = checks.text(key, "state.add: the key")
    what = f'state.add("{key}"): the delta'
    whole = checks.integer(delta, what, -checks.MAX_I64 - 1, checks.MAX_I64)
    calling(StateError, _about(key), host().state_add, key, whole)


def counter(key: str) -> int:
    """The value of a counter; 0 if the key is absent."""
    value = get(key, 0)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise StateError(f"{_about(key)}: not a counter, or the sum leaves a counter's range", "value")


def get_bytes(key: str) -> bytes | None:
    """The bytes of a key; None if the key is absent."""
    key = checks.text(key, "state.get: the key")
    return calling(StateError, _about(key), host().state_get, key)


def set_bytes(key: str, value: bytes | bytearray | memoryview | str) -> None:
    """Sets a key to bytes. A text stands for its UTF-8."""
    key = checks.text(key, "state.set_bytes: the key")
    data = checks.octets(value, f'state.set_bytes("{key}"): the value')
    calling(StateError, _about(key), host().state_set, key, data)


def list_bytes(
    prefix: str, *, after: str | None = None, limit: int = 1000
) -> "builtins.list[tuple[str, bytes]]":
    """At most `limit` entries whose keys begin with `prefix` and come after the key `after`."""
    prefix = checks.text(prefix, "state.list: the prefix")
    after = checks.optional_text(after, "state.list: `after`")
    most = checks.integer(limit, "state.list: the limit", 0, 1000)
    return calling(StateError, _about(prefix), host().state_list, prefix, after, most)


def _read(key: str, data: bytes, options: dict[str, Any]) -> Any:
    try:
        return jsons.parse(data, **options)
    except (ValueError, RecursionError) as error:
        raise StateError(f"{_about(key)}: {error}", "value") from None
