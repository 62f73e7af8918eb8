"""The effects of the handler: the shipping request, the receipt mail, events."""

from typing import Any

from observation import Money
from tollgate_handler import config, emit, outbox


def ship(order: str, payment: str, paid: Money, shipping: Any) -> None:
    """Asks the warehouse to ship."""
    request = {
        "order": order,
        "payment": payment,
        "warehouse": config.get("warehouse"),
        "amount": paid["amount"],
        "currency": paid["currency"],
        "shipping": shipping,
    }
    outbox.post(config.require("warehouse_url"), json=request, order_key=order)


def mail_receipt(to: str, order: str, paid: Money) -> None:
    """Asks the mail service to send the receipt, if `mail_url` is configured."""
    url = config.get("mail_url")
    if url is None:
        return
    receipt = {"template": "receipt", "to": to, "order": order}
    outbox.post(url, json=receipt | {"amount": paid["amount"], "currency": paid["currency"]})


def tell(kind: str, order: str, payment: str, paid: Money) -> None:
    """Emits an event about the order for other handlers."""
    told = {"order": order, "payment": payment}
    told |= {"amount": paid["amount"], "currency": paid["currency"]}
    emit.event(kind, subject=order, json=told)
