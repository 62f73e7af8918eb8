"""The data about one payment.

The state keeps them under `payment/ID`, in the form that the handler in Rust gives them: one may
take the other's place.
"""

from dataclasses import asdict, dataclass
from typing import Any

import orders
from effects import mail_receipt, ship, tell
from observation import Money, Observation
from tollgate_handler import Outcome, Reject, config, done, ignored, log

#: The progress of a payment whose data are still missing.
_WAITING = "waiting"


@dataclass
class Payment:
    """The data about one payment."""

    order: str | None = None
    #: True once an event has shown that the payment is for an order.
    is_order: bool = False
    paid: Money | None = None
    #: True once the payment was refunded in full.
    refunded: bool = False
    #: The customer's address, until the receipt is queued.
    email: str | None = None
    email_by_session: bool = False
    #: The shipping address, until the order is fulfilled.
    shipping: Any = None
    #: "waiting", {"fulfilled": ORDER}, or {"paid_twice": PAYMENT} if another payment came first.
    progress: Any = _WAITING
    #: True once it is settled which payment has the order with the present id.
    order_settled: bool = False
    receipt_queued: bool = False

    def stored(self) -> dict[str, Any]:
        """The data as the state keeps them."""
        return asdict(self)

    def learn(self, seen: Observation) -> None:
        """Adds an observation.

        Known data stay, with two exceptions: the addresses of a session replace those of a payment
        intent, and the amount of a payment intent replaces that of a session, because each is the
        better source. So the order of arrival does not matter.
        """
        self.is_order |= seen.is_order
        if self.order is None:
            self.order = seen.order
        elif seen.order is not None and seen.order != self.order:
            log.warn(
                "one payment has two order ids; the first one counts",
                payment=seen.payment,
                first=self.order,
                second=seen.order,
            )
        exact = not seen.by_session and self.progress == _WAITING
        if seen.paid is not None and (self.paid is None or exact):
            self.paid = seen.paid
        better = self.email is None or (seen.by_session and not self.email_by_session)
        if not self.receipt_queued and seen.email is not None and better:
            self.email = seen.email
            self.email_by_session = seen.by_session
        if self.progress == _WAITING and (self.shipping is None or seen.by_session):
            self.shipping = self.shipping if seen.shipping is None else seen.shipping

    def refund(self) -> str:
        """Notes that the payment was refunded in full. Returns why nothing else happens."""
        self.refunded = True
        if self.progress == _WAITING:
            self._forget_addresses()
            return "before it was fulfilled: nothing is shipped"
        if "fulfilled" in self.progress:
            return "after its order was fulfilled"
        return "and its order was paid by another payment"

    def advance(self, seen: Observation) -> Outcome:
        """Acts as far as the data allow."""
        before = (self.progress, self.receipt_queued)
        if self.progress == _WAITING:
            missing = self._fulfil(seen)
            if missing is not None:
                return ignored(missing)
        elif "fulfilled" in self.progress:
            self._settle_order(seen)
        self._send_receipt()
        if before == (self.progress, self.receipt_queued):
            return ignored(f"{seen.payment} needs no further action")
        return done()

    def _fulfil(self, seen: Observation) -> str | None:
        """Ships the order. Returns the reason if data are still missing."""
        payment = seen.payment
        if self.refunded:
            self._forget_addresses()
            return f"{payment} was refunded: nothing is shipped"
        if self.paid is None:
            return f"{payment} is not paid yet"
        if self.order is None and _is_order_id_required():
            return f"{payment} waits for the event with its order id"
        if not self.is_order and self.order is None:
            return (
                f"{payment} may be the payment of an invoice: it waits for the event of a checkout "
                "session"
            )
        self._settle_order(seen)
        if self.progress != _WAITING:
            return None
        order = payment if self.order is None else self.order
        ship(order, payment, self.paid, self.shipping)
        self.shipping = None
        tell("order.fulfilled", order, payment, self.paid)
        log.info("fulfilled", order=order, payment=payment, amount=self.paid["amount"])
        self.progress = {"fulfilled": order}
        return None

    def _settle_order(self, seen: Observation) -> None:
        """Assigns the order, once its id is known, to this payment, unless another has it."""
        if self.order is None or self.order_settled:
            return
        first = orders.payment_of(seen.scope, self.order)
        if first is None:
            orders.assign(seen.scope, self.order, seen.payment)
        else:
            log.warn("paid twice", order=self.order, first=first, second=seen.payment)
            paid = self.paid or {"amount": 0, "currency": ""}
            tell("order.paid_twice", self.order, seen.payment, paid)
            self.progress = {"paid_twice": first}
            self._forget_addresses()
        self.order_settled = True

    def _send_receipt(self) -> None:
        """Queues the receipt mail, once, when the order is fulfilled and an address is known."""
        if self.progress == _WAITING or "fulfilled" not in self.progress:
            return
        if self.email is None or self.paid is None or self.receipt_queued:
            return
        mail_receipt(self.email, self.progress["fulfilled"], self.paid)
        self.receipt_queued = True
        self._forget_addresses()

    def _forget_addresses(self) -> None:
        """Drops the addresses: the state keeps no personal data that nobody needs any more."""
        self.shipping = None
        self.email = None


def _is_order_id_required() -> bool:
    wanted = config.get("order_id", "optional")
    if wanted not in ("optional", "required"):
        raise Reject(f'config `order_id` is "optional" or "required", not "{wanted}"')
    return wanted == "required"
