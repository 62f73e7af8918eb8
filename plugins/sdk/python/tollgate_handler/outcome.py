"""The results of a handler that did its work."""

from dataclasses import dataclass
from typing import Any

from . import checks, errors


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a handler. Made by `done` and `ignored`."""

    tag: str
    reason: str | None = None


_DONE = Outcome("done")


def done() -> Outcome:
    """The handler acted on the event. The gateway commits its effects."""
    return _DONE


def ignored(reason: str) -> Outcome:
    """The event needs no action, for this reason. The gateway commits the run's effects too."""
    return Outcome("ignored", checks.text(reason, "ignored: the reason"))


def outcome_of(value: Any) -> Outcome:
    """Checks what a handler returned."""
    if type(value) is Outcome:
        return value
    if isinstance(value, BaseException):
        name = type(value).__name__
        raise TypeError(f"the handler returned {checks.name_of(value)}. Write `raise {name}(…)`")
    if isinstance(value, type) and issubclass(value, (errors.Retry, errors.Reject)):
        raise TypeError(
            f"the handler returned the class {value.__name__}. "
            f'Write `raise {value.__name__}("why")`'
        )
    if value is done or value is ignored:
        raise TypeError(
            f"the handler returned the function {value.__name__}. Write `{value.__name__}(…)`"
        )
    if hasattr(value, "__await__"):
        value.close()
        raise TypeError(
            "the handler returned a coroutine: a handler is a plain function. Write `def`, not "
            "`async def`"
        )
    if value is None:
        raise TypeError(
            'the handler returned None. Write `return done()`, or `return ignored("why")` if the '
            "event needs no action"
        )
    raise TypeError(
        f"the handler returned {checks.name_of(value)}. Write `return done()` or `return "
        f'ignored("why")`'
    )
