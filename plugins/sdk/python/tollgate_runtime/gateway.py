"""The calls to the gateway, by the imports of the component."""

from collections.abc import Callable
from typing import Any

from componentize_py_types import Err
from tollgate_handler.hosts import Refused
from wit_world.imports import config, emit, log, outbox, resolved, schedule, state

try:
    # There for a handler that imports `tollgate_handler.http`.
    from wit_world.imports import http
except ImportError:
    http = None

_LEVELS = {level.name.lower(): level for level in log.Level}
_TAGS = {
    "Error_InvalidKey": "invalid-key",
    "Error_NotACounter": "not-a-counter",
    "Error_TooLarge": "too-large",
    "Error_TooDeep": "too-deep",
    "Error_NotAllowed": "not-allowed",
    "Error_Invalid": "invalid",
    "Error_Denied": "denied",
    "Error_Timeout": "timeout",
    "Error_NoAnswer": "no-answer",
}


def _refusing(call: Callable[..., Any]) -> Callable[..., Any]:
    """Turns the errors of the binding into the SDK's."""

    def checked(*arguments: Any) -> Any:
        try:
            return call(*arguments)
        except Err as error:
            case = error.value
            value = getattr(case, "value", "")
        raise Refused(_TAGS[type(case).__name__], value)

    return checked


class Gateway:
    """The gateway that calls this handler."""

    config_get = staticmethod(config.get)
    config_entries = staticmethod(config.entries)
    state_get = staticmethod(_refusing(state.get))
    state_set = staticmethod(_refusing(state.set))
    state_delete = staticmethod(_refusing(state.delete))
    state_list = staticmethod(_refusing(state.list))
    state_add = staticmethod(_refusing(state.add))
    schedule_cancel = staticmethod(_refusing(schedule.cancel))

    @staticmethod
    def log(level: str, message: str, fields: list[tuple[str, str]]) -> None:
        log.log(_LEVELS[level], message, fields)

    @staticmethod
    @_refusing
    def outbox_send(*parts: Any) -> str:
        return outbox.send(outbox.Request(*parts))

    @staticmethod
    @_refusing
    def http_send(*parts: Any) -> tuple[int, list[tuple[str, str]], bytes]:
        answer = http.send(http.Request(*parts))
        return answer.status, answer.headers, answer.body

    @staticmethod
    @_refusing
    def emit(*parts: Any) -> str:
        return emit.emit(emit.NewEvent(*parts))

    @staticmethod
    @_refusing
    def schedule_put(key: str, due: tuple[str, int], *parts: Any) -> None:
        kind = schedule.Due_AfterMs if due[0] == "after-ms" else schedule.Due_AtMs
        schedule.put(key, schedule.Entry(kind(due[1]), *parts))

    @staticmethod
    def resolved_object() -> tuple[int, bytes | None] | None:
        return _parts(resolved.object())

    @staticmethod
    def resolved_event() -> tuple[int, bytes | None] | None:
        return _parts(resolved.event())


def _parts(answer: Any) -> tuple[int, bytes | None] | None:
    return None if answer is None else (answer.read_ms, answer.body)
