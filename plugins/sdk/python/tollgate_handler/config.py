"""The handler's own settings: its `config` table in the manifest."""

from typing import Any, NoReturn

from . import checks, jsons
from .errors import ConfigError
from .hosts import host


def get(key: str, default: str | None = None) -> str | None:
    """The value of a key as text. Other values than texts are their JSON."""
    value = host().config_get(checks.text(key, "config.get: the key"))
    return default if value is None else value


def require(key: str) -> str:
    """The value of a key as text. An absent or empty value is an error."""
    return get(key) or _unfit(key, "it is not set")


def integer(key: str) -> int | None:
    """The value of a key as a whole number."""
    value = get(key)
    if value is None:
        return None
    try:
        return int(value)
    except ValueError:
        _unfit(key, f'"{value}" is no whole number')


def boolean(key: str) -> bool | None:
    """The value of a key as a flag."""
    value = get(key)
    if value is None or value in ("true", "false"):
        return None if value is None else value == "true"
    _unfit(key, f'it is true or false, not "{value}"')


def json(key: str) -> Any:
    """The value of a key that is an array or a table; None if the key is absent."""
    value = get(key)
    if value is None:
        return None
    try:
        return jsons.parse(value)
    except ValueError as error:
        _unfit(key, str(error))


def entries() -> list[tuple[str, str]]:
    """All pairs of key and value, sorted by key."""
    return host().config_entries()


def _unfit(key: str, problem: str) -> NoReturn:
    raise ConfigError(f"the handler's config needs `{key}`: {problem}")
