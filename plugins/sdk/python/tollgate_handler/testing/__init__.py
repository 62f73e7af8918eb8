"""Tests of handlers, against a gateway in memory::

from tollgate_handler.testing import Host, event

host = Host(config={"ledger_url": "https://ledger.example.com"})
run = host.run(refunded, event("charge.refunded", {…}))
assert run.result == done()
"""

from .events import event, orders, response
from .host import Host, Run

__all__ = ["Host", "Run", "event", "orders", "response"]
