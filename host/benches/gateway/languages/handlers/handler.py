"""Parses the event and checks the amount."""

from tollgate_handler import Event, Reject, done, handler


@handler("payment_intent.succeeded")
def paid(event: Event):
    if not event.json()["data"]["object"]["amount_received"] > 0:
        raise Reject("there is nothing to pay")
    return done()
