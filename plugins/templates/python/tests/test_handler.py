"""Runs natively, against a gateway in memory: `.venv/bin/python -m unittest`."""

import unittest

from handler import paid
from tollgate_handler import done
from tollgate_handler.testing import Host, event

PAYMENT = event(
    "{{event}}",
    {"id": "evt_1", "data": {"object": {"id": "obj_1", "{{amount}}": 4200, "currency": "eur"}}},
)


class Payments(unittest.TestCase):
    def test_a_payment_is_told_once(self):
        host = Host(config={"notify_url": "https://shop.example.com/paid"})
        self.assertEqual(host.run(paid, PAYMENT).result, done())
        self.assertEqual(host.run(paid, PAYMENT).result.tag, "ignored")
        [sent] = host.sent
        self.assertEqual(sent.json(), {"id": "obj_1", "amount": 4200, "currency": "eur"})
        self.assertEqual(host.counter("total/eur"), 4200)


if __name__ == "__main__":
    unittest.main()
