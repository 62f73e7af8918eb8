"""The export `handle` of a component."""

import logging
import os
import traceback

import wit_world
from componentize_py_types import Err
from tollgate_handler import log
from tollgate_handler.errors import Reject, Retry
from tollgate_handler.event import Event
from tollgate_handler.handlers import dispatch
from tollgate_handler.hosts import use
from tollgate_handler.outcome import outcome_of
from wit_world.imports import types

from . import chance
from .gateway import Gateway

#: The longest reason that the gateway keeps, in characters.
_MAX_REASON = 4096
#: The longest traceback that is logged, in characters.
_MAX_TRACEBACK = 8 << 10

_DONE = types.Outcome_Done()


class WitWorld(wit_world.WitWorld):
    """The component."""

    def handle(self, event: types.Event) -> types.Outcome:
        """Handles one event."""
        chance.begin()
        use(Gateway)
        try:
            outcome = outcome_of(dispatch(_event(event)))
        except Retry as error:
            failure = types.Failure_Retry(types.Retry(_reason(error), error.after_ms))
        except Reject as error:
            failure = types.Failure_Reject(_reason(error))
        except BaseException as error:
            _failed(error)
        else:
            if outcome.tag == "done":
                return _DONE
            return types.Outcome_Ignored(log.cut(outcome.reason, _MAX_REASON))
        raise Err(failure)


def _event(raw: types.Event) -> Event:
    return Event(
        raw.id,
        raw.source,
        raw.provider_id,
        raw.kind,
        raw.subject,
        raw.account,
        raw.created_ms,
        raw.received_ms,
        raw.attempt,
        raw.replay,
        raw.headers,
        raw.metadata,
        raw.payload,
    )


def _reason(error: Retry | Reject) -> str:
    return log.cut(error.reason, _MAX_REASON)


def _failed(error: BaseException) -> None:
    """Logs an exception and ends the run. The line becomes the reason of the attempt."""
    summary = traceback.extract_tb(error.__traceback__)
    own = [_named(frame) for frame in summary if not _is_ours(frame.filename)]
    text = traceback.format_exception_only(error)[-1].strip().split("\n")[0]
    if isinstance(error, SystemExit):
        text = f"SystemExit: {error.code}: a handler does not exit. Raise Retry or Reject"
    line = f"{text}, {own[-1].filename}:{own[-1].lineno}" if own else text
    lines = traceback.format_list(own) + traceback.format_exception_only(error)
    log.write("error", log.cut(line, _MAX_REASON), {"traceback": "".join(lines)[-_MAX_TRACEBACK:]})
    os._exit(1)


def _named(frame: traceback.FrameSummary) -> traceback.FrameSummary:
    """A frame with the name that the file has in the project: `handler.py` for `/0/handler.py`."""
    frame.line  # noqa: B018  The line is looked up by the file's name, so before it changes.
    frame.filename = frame.filename.split("/", 2)[-1]
    return frame


def _is_ours(path: str) -> bool:
    return "/tollgate_runtime/" in path or "/tollgate_handler/" in path or "/wit_world/" in path


class _Lines(logging.Handler):
    """Lines of the module `logging` are lines of the attempt's log."""

    def emit(self, record: logging.LogRecord) -> None:
        names = {10: "debug", 20: "info", 30: "warn"}
        log.write(names.get(record.levelno, "error"), self.format(record), {"logger": record.name})


logging.getLogger().addHandler(_Lines())
