"""Tells the shop once about each `{{event}}`."""

from tollgate_handler import Event, config, done, handler, ignored, log, outbox, state


@handler("{{event}}")
def paid(event: Event):
    obj = event.json()["data"]["object"]

    # Providers send an event again, and several events may tell of one payment: the state says
    # what was done already.
    seen = f"seen/{obj['id']}"
    if state.contains(seen):
        return ignored(f"{obj['id']} was told before")
    state.set_bytes(seen, event.id)
    state.add(f"total/{obj['currency']}", obj["{{amount}}"])

    # The request goes out after the commit, and not at all if the handler fails.
    outbox.post(
        config.require("notify_url"),
        json={"id": obj["id"], "amount": obj["{{amount}}"], "currency": obj["currency"]},
        order_key=obj["id"],
    )
    log.info("told the shop", object=obj["id"])
    return done()
