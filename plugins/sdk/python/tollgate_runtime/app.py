"""The module that a component is made of: prepares the interpreter, then loads the handler.

The component is a snapshot of the interpreter after this module is loaded. Whatever is not loaded
then does not exist while an event is handled.
"""

from tollgate_project import MODULE, PRELOAD, SOURCES

from . import chance, preload

chance.watch()
preload.modules(PRELOAD)
preload.handler(MODULE)
preload.zones()
preload.sources(SOURCES)
chance.end()

from . import heap, warm  # noqa: E402  The handler's module comes first.
from .entry import WitWorld  # noqa: E402

warm.up()
heap.note()
heap.fill()

__all__ = ["WitWorld"]
