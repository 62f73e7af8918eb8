"""The purpose of a payment: an order, or an invoice such as that of a subscription's renewal.

plugins/fulfillment/src/purpose.rs says what Stripe's API versions tell of it.
"""

from dataclasses import dataclass

from fields import Fields

#: The descriptions that Stripe gives to the payments of invoices.
_OF_INVOICES = ("Subscription creation", "Subscription update", "Payment for Invoice")


@dataclass(frozen=True)
class Purpose:
    """The purpose of a payment: an order if `is_order`, an invoice if that is named, else open."""

    is_order: bool = False
    invoice: str | None = None


def purpose_of(intent: Fields, *, named: bool) -> Purpose:
    """The purpose of a payment intent. `named` means that it has an order id."""
    details = intent.object("payment_details")
    reference = details.text("order_reference") if details else None
    invoice = intent.reference("invoice")
    if invoice is not None:
        return Purpose(invoice=f"the invoice {invoice}")
    if intent.has("invoice"):
        return Purpose(is_order=True)
    if reference is not None and reference.startswith("in_"):
        return Purpose(invoice=f"the invoice {reference}")
    description = intent.text("description")
    if description in _OF_INVOICES:
        return Purpose(invoice=f'an invoice ("{description}")')
    of_session = reference is not None and reference.startswith(("cs_", "prod_"))
    told = details is not None and details.has("order_reference")
    return Purpose(is_order=named or _has_no_customer(intent) or (told and not of_session))


def _has_no_customer(intent: Fields) -> bool:
    """Each invoice and each subscription has a customer."""
    none = intent.has("customer") and intent.reference("customer") is None
    return none and intent.reference("customer_account") is None
