## Tells the shop once about each {{event}}.
import tollgate

proc onEvent(event: Event): Outcome =
  if event.kind != "{{event}}":
    return ignored(event.kind & " is not for this handler")

  let payload = event.json{"data", "object"}
  let id = payload{"id"}.getStr
  let currency = payload{"currency"}.getStr
  if id == "" or currency == "" or payload{"{{amount}}"}.isNil or payload{"{{amount}}"}.kind != JInt:
    raise reject("the payload has no object with id, {{amount}} and currency")
  let amount = payload{"{{amount}}"}.getBiggestInt

  # Providers send an event again, and several events may tell of one payment: the state says what
  # was done already.
  if "seen/" & id in state:
    return ignored(id & " was told before")
  state.set("seen/" & id, event.id)
  state.add("total/" & currency, amount)

  # The request goes out after the commit, and not at all if the handler fails.
  let body = %*{"id": id, "amount": amount, "currency": currency}
  send(requireConfig("notify_url"), $body, orderKey = id)
  info("told the shop")
  done()

register(onEvent)
