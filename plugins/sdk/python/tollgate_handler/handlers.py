"""The decorator that makes a function a handler."""

import inspect
import re
from collections.abc import Callable
from typing import Any, TypeVar, overload

from . import checks
from .event import Event
from .outcome import Outcome, ignored

Handle = TypeVar("Handle", bound=Callable[[Event], Any])

#: The handlers in the order of their definition: a test of event types, and a function.
_table: list[tuple[Callable[[str], bool], bool, Callable[[Event], Any]]] = []


@overload
def handler(kind: Handle) -> Handle: ...


@overload
def handler(kind: str, *kinds: str) -> Callable[[Handle], Handle]: ...


def handler(kind: Any, *kinds: str) -> Any:
    """Makes a function a handler: of all events, or of those whose types are named.

    A type may have `*` for any characters: `@handler("customer.subscription.*")`. A full name comes
    before all patterns; then the first function that fits counts. An event that nothing fits is
    ignored.
    """
    if callable(kind):
        return _add(kind, ["*"])
    names = [checks.text(name, "@handler: an event type") for name in (kind, *kinds)]
    return lambda function: _add(function, names)


def _add(function: Any, names: list[str]) -> Any:
    if not callable(function):
        raise TypeError(f"@handler stands before a function, not before {checks.name_of(function)}")
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"{function.__name__} is an `async def`: a handler has nothing to wait for. Write `def`"
        )
    if inspect.isgeneratorfunction(function):
        raise TypeError(f"{function.__name__} has a `yield`: a handler returns its outcome")
    for name in names:
        exact = "*" not in name
        _table.append((_test(name), exact, function))
    return function


def _test(name: str) -> Callable[[str], bool]:
    if "*" not in name:
        return name.__eq__
    pattern = re.compile(".*".join(map(re.escape, name.split("*"))), re.DOTALL)
    return lambda kind: pattern.fullmatch(kind) is not None


def dispatch(event: Event) -> Any:
    """Handles an event with the function for its type."""
    for wanted in (True, False):
        for fits, exact, function in _table:
            if exact is wanted and fits(event.kind):
                return function(event)
    return ignored(f"the handler has no function for {event.kind}")


def count() -> int:
    """The number of types and patterns that have a function."""
    return len(_table)


def forget() -> None:
    """Forgets all functions, for tests."""
    _table.clear()


__all__ = ["Outcome", "count", "dispatch", "forget", "handler"]
