"""The calls to the gateway.

In WebAssembly they are the imports of the component; in tests they go to a gateway in memory.
"""

from collections.abc import Callable
from typing import Any

from . import errors


class Refused(Exception):
    """The gateway refused a call. `tag` is the case of the error, `value` its text."""

    def __init__(self, tag: str, value: str = ""):
        super().__init__(tag)
        self.tag = tag
        self.value = value


class _Missing:
    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(
            f"there is no gateway here ({name}): a handler calls it while it handles an event; "
            "tests use Host of tollgate_handler.testing"
        )


_MISSING = _Missing()
_current: Any = _MISSING


def host() -> Any:
    """The gateway that calls go to at the moment."""
    return _current


def use(new: Any) -> Any:
    """Lets calls go to `new` from now on; to no gateway if it is None. Returns the one before."""
    global _current
    before = _current
    _current = _MISSING if new is None else new
    return before


_TEXTS = {
    "invalid-key": "a key has 1 to 512 bytes",
    "not-a-counter": "not a counter, or the sum leaves a counter's range",
    "too-large": "the effects exceed the handler's limit on effects",
    "too-deep": "the event being handled is too deep in a chain of emitted events",
}


def calling(
    kind: type["errors.CallError"], about: str, call: Callable[..., Any], *arguments: Any
) -> Any:
    """Makes a call. What the gateway refuses is raised as a `kind`, after `about`."""
    try:
        return call(*arguments)
    except Refused as refused:
        tag, value = refused.tag, refused.value
    if tag == "not-allowed":
        why = f"{value} is not among the origins that the manifest allows this handler"
    else:
        why = _TEXTS.get(tag, value or tag)
    raise kind(f"{about}: {why}", tag)
