## Passes on the events whose subject begins with `prefix` in `config`.
import std/strutils
import tollgate

proc onEvent(event: Event): Outcome =
  let prefix = requireConfig("prefix")
  if event.subject == "":
    return ignored("the event has no subject")
  if not event.subject.startsWith(prefix):
    return ignored(event.subject & " does not begin with " & prefix)
  state.add("passed", 1)
  emit("filtered." & event.kind, event.payload, event.subject)
  done()

register(onEvent)
