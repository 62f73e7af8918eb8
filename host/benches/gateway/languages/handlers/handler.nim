## Parses the event and checks the amount.
import tollgate

proc onEvent(event: Event): Outcome =
  if event.json{"data", "object", "amount_received"}.getBiggestInt <= 0:
    raise reject("there is nothing to pay")
  done()

register(onEvent)
