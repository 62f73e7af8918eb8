"""Fulfils each order once, whichever Stripe events report that it is paid.

The handler of plugins/fulfillment in Python. Its page (plugins/fulfillment/src/lib.rs) describes
config and output of both. Their effects are the same, byte for byte.
"""

import observation
from observation import Irrelevant, Observation, Refunded
from payment import Payment
from tollgate_handler import Event, Outcome, handler, ignored, state, stripe

_READERS = {
    "payment_intent.succeeded": observation.of_payment_intent,
    "checkout.session.completed": observation.of_session,
    "checkout.session.async_payment_succeeded": observation.of_session,
    "charge.refunded": observation.of_refund,
}


@handler
def handle(event: Event) -> Outcome:
    """Handles an event of Stripe."""
    kind = stripe.kind(event)
    if kind not in _READERS:
        return ignored(f"{kind} reports no payment")
    match _READERS[kind](event):
        case Irrelevant(reason):
            return ignored(reason)
        case Refunded(payment):
            return _refund(payment)
        case Observation() as seen:
            return _act(seen)


def _refund(name: str) -> Outcome:
    """Notes that a payment was refunded in full."""
    payment = _known(name)
    reason = payment.refund()
    state.set(_key(name), payment.stored())
    return ignored(f"{name} was refunded {reason}")


def _act(seen: Observation) -> Outcome:
    """Adds the observation to the data about its payment, then acts on them."""
    payment = _known(seen.payment)
    payment.learn(seen)
    outcome = payment.advance(seen)
    state.set(_key(seen.payment), payment.stored())
    return outcome


def _key(payment: str) -> str:
    return f"payment/{payment}"


def _known(payment: str) -> Payment:
    return Payment(**state.get(_key(payment), {}))
