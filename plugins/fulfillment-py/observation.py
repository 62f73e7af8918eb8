"""An observation: the contents of one event about a payment, in one form for both of Stripe's
objects."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypedDict

from fields import Fields, present
from purpose import purpose_of
from tollgate_handler import Event, config, stripe


class Money(TypedDict):
    """An amount in the currency's minor unit."""

    amount: int
    currency: str


@dataclass(frozen=True)
class Observation:
    """The contents of one event about a payment."""

    #: The payment intent's id or, if there is nothing to pay, the session's id.
    payment: str
    #: The account and the mode: each has order ids of its own.
    scope: str
    #: True if the event shows that the payment is for an order.
    is_order: bool
    order: str | None
    #: The paid amount; None for an unpaid session.
    paid: Money | None
    email: str | None
    #: True for a session, whose addresses take precedence over those of a payment intent.
    by_session: bool
    #: The shipping address in Stripe's form.
    shipping: Any


@dataclass(frozen=True)
class Refunded:
    """The payment with this id was refunded in full."""

    payment: str


@dataclass(frozen=True)
class Irrelevant:
    """The event concerns no order, for this reason."""

    reason: str


Reading = Observation | Refunded | Irrelevant


def of_payment_intent(event: Event) -> Reading:
    """Reads `payment_intent.succeeded`."""
    return _found(event, _payment_intent)


def _payment_intent(intent: Fields, scope: str) -> Reading:
    payment = intent.required("id", intent.text("id"))
    amount = intent.required("amount", intent.amount("amount"))
    currency = intent.required("currency", intent.text("currency"))
    metadata = intent.object("metadata")
    order = present(metadata.any_text("order_id")) if metadata else None
    purpose = purpose_of(intent, named=order is not None)
    if purpose.invoice is not None:
        return Irrelevant(f"{payment} is no order: it pays {purpose.invoice}")
    is_order = purpose.is_order or config.boolean("invoices") is False
    received = intent.amount("amount_received")
    received = amount if received is None else received
    succeeded = intent.text("status") in (None, "succeeded") and received > 0
    return Observation(
        payment=payment,
        scope=scope,
        is_order=is_order,
        order=order,
        paid={"amount": received, "currency": currency} if succeeded else None,
        # A payment that may be no order leaves no personal data: its session has them.
        email=present(intent.text("receipt_email")) if is_order else None,
        by_session=False,
        shipping=intent.any("shipping") if is_order else None,
    )


def of_session(event: Event) -> Reading:
    """Reads an event about a checkout session."""
    return _found(event, _session)


def _session(session: Fields, scope: str) -> Reading:
    name = session.required("id", session.text("id"))
    mode = session.required("mode", session.text("mode"))
    status = session.required("payment_status", session.text("payment_status"))
    if mode != "payment":
        return Irrelevant(f"{name} is a session of mode {mode}, no order")
    paid: Money = {
        "amount": session.amount("amount_total") or 0,
        "currency": session.text("currency") or "",
    }
    metadata = session.object("metadata")
    details = session.object("customer_details")
    # API versions since 2025-02-24 have the address in `collected_information`.
    collected = session.object("collected_information")
    shipping = collected.any("shipping_details") if collected else None
    return Observation(
        payment=session.reference("payment_intent") or name,
        scope=scope,
        is_order=True,
        order=present(metadata.any_text("order_id")) if metadata else None,
        paid=paid if status in ("paid", "no_payment_required") else None,
        email=present(details.text("email") if details else None)
        or present(session.text("customer_email")),
        by_session=True,
        shipping=session.any("shipping_details") if shipping is None else shipping,
    )


def of_refund(event: Event) -> Reading:
    """Reads `charge.refunded`. Stripe sends the event for each refund, of a part too."""
    return _found(event, _refund)


def _refund(charge: Fields, _: str) -> Reading:
    name = charge.required("id", charge.text("id"))
    payment = charge.reference("payment_intent")
    if payment is not None and charge.flag("refunded") and charge.reference("invoice") is None:
        return Refunded(payment)
    return Irrelevant(f"{name} is no order that was refunded")


def _found(event: Event, read: Callable[[Fields, str], Reading]) -> Reading:
    """Reads an event in either of Stripe's forms, if it is of the mode that the handler acts on."""
    envelope = stripe.read(event)
    other_mode = stripe.other_mode(envelope)
    if other_mode is not None:
        return Irrelevant(other_mode)
    if envelope.object is None:
        about = "its object" if event.subject is None else event.subject
        return Irrelevant(f"{envelope.id}: Stripe no longer has {about}")
    account = "-" if envelope.account is None else envelope.account
    scope = f"test-{account}" if envelope.livemode is False else account
    return read(Fields(event.kind, envelope.object), scope)
