## Handlers for Tollgate, a gateway for payment webhooks, in Nim.
##
## handler.nim is one procedure:
##
## .. code-block:: nim
##   import tollgate
##
##   proc onEvent(event: Event): Outcome =
##     let total = event.json{"data", "object", "amount"}.getBiggestInt
##     state.add("total", total)
##     done()
##
##   register(onEvent)
##
## Exceptions: `Retry` and `Reject` end the event as they say. A call that the gateway refuses raises
## a `CallError`, and JSON that cannot be read a `JsonParsingError`: both reject the event, since the
## same bytes would fail again. Any other exception ends the run; its message is in the attempt.
##
## Texts that are no UTF-8 are made valid before they cross to the gateway. An instance serves one
## event.

import std/json
export json

type
  Text {.importc: "tg_text", header: "tollgate.h", bycopy.} = object
    data: cstring
    size: csize_t
  RawPair {.importc: "tg_pair", header: "tollgate.h", bycopy.} = object
    name, value: Text
  RawEvent {.importc: "tg_event", header: "tollgate.h", bycopy.} = object
    id, source, provider_id, kind, subject, account: Text
    has_created: bool
    created_ms, received_ms: uint64
    attempt: uint32
    replay: bool
    headers: ptr UncheckedArray[RawPair]
    headers_count: csize_t
    metadata: ptr UncheckedArray[RawPair]
    metadata_count: csize_t
    payload: Text
  RawResult {.importc: "tg_result", header: "tollgate.h", bycopy.} = object
  RawRequest {.importc: "tg_request", header: "tollgate.h", bycopy.} = object
    `method`, url, body, content_type, order_key, respond: Text
    headers: ptr UncheckedArray[RawPair]
    headers_count: csize_t

  Event* = object
    ## The event. Times are milliseconds since the Unix epoch; absent texts are empty.
    id*, source*, providerId*, kind*, subject*, account*: string
    hasCreated*: bool
    createdMs*, receivedMs*: uint64
    attempt*: uint32
    replay*: bool
    headers*, metadata*: seq[(string, string)]
    payload*: string ## the exact bytes

  OutcomeKind = enum
    isUnset, isDone, isIgnored
  Outcome* = object
    ## What a handler returns: `done` or `ignored` makes one.
    kind: OutcomeKind
    reason: string

  Retry* = object of CatchableError
    ## Another attempt, by the retry policy, or not before `afterMs` have passed.
    afterMs*: int64
  Reject* = object of CatchableError
    ## Another attempt would not help: the delivery becomes a dead letter.
  CallError* = object of CatchableError
    ## A call that the gateway refused.

  Resolved* = object
    ## What the provider's API told of a thin event, and when. Without `isThere`, the thing is gone.
    isThere*: bool
    body*: string
    readMs*: uint64

  State* = object
  Schedule* = object

{.push header: "tollgate.h", cdecl.}
proc tg_done(): RawResult {.importc.}
proc tg_ignored(reason: Text): RawResult {.importc.}
proc tg_retry(reason: Text): RawResult {.importc.}
proc tg_retry_after(reason: Text, after: uint64): RawResult {.importc.}
proc tg_reject(reason: Text): RawResult {.importc.}
proc tg_error(): Text {.importc.}
proc tg_forgive() {.importc.}
proc tg_state_get(key: Text, value: ptr Text): bool {.importc.}
proc tg_state_set(key, value: Text): bool {.importc.}
proc tg_state_delete(key: Text): bool {.importc.}
proc tg_state_add(key: Text, delta: int64): bool {.importc.}
proc tg_state_list(prefix, after: Text, limit: uint32, entries: ptr ptr UncheckedArray[RawPair],
                   count: ptr csize_t): bool {.importc.}
proc tg_send(request: ptr RawRequest): bool {.importc.}
proc tg_emit(kind, subject, payload: Text): bool {.importc.}
proc tg_schedule_after(key: Text, after: uint64, kind, payload: Text): bool {.importc.}
proc tg_schedule_at(key: Text, at: uint64, kind, payload: Text): bool {.importc.}
proc tg_schedule_cancel(key: Text): bool {.importc.}
proc tg_config(key: Text, value: ptr Text): bool {.importc.}
proc tg_config_entries(entries: ptr ptr UncheckedArray[RawPair]): csize_t {.importc.}
proc tg_resolved_object(body: ptr Text, readMs: ptr uint64): bool {.importc.}
proc tg_resolved_event(body: ptr Text, readMs: ptr uint64): bool {.importc.}
proc tg_debug(message: Text) {.importc.}
proc tg_info(message: Text) {.importc.}
proc tg_warn(message: Text) {.importc.}
proc tg_panic(message: Text) {.importc.}
{.pop.}

proc malloc(size: csize_t): pointer {.importc, header: "<stdlib.h>".}

func toText(s: string): Text =
  ## A copy, since the text must stay until the run ends.
  let size = csize_t(s.len)
  let copy = cast[cstring](malloc(size + 1))
  if s.len > 0: copyMem(copy, unsafeAddr s[0], s.len)
  Text(data: copy, size: size)

func toAbsent(s: string): Text =
  ## An empty text is absent.
  if s.len == 0: Text(data: nil, size: 0) else: toText(s)

func toString(t: Text): string =
  result = newString(int(t.size))
  if t.size > 0: copyMem(addr result[0], t.data, int(t.size))

proc check(taken: bool) =
  ## Raises the error of a call.
  if taken: return
  let why = tg_error().toString
  tg_forgive()
  raise newException(CallError, why)

proc done*(): Outcome = Outcome(kind: isDone)
  ## The handler acted on the event.

proc ignored*(reason: string): Outcome = Outcome(kind: isIgnored, reason: reason)
  ## The event needs no action. The effects are committed too.

proc retry*(reason: string, afterMs: int64 = -1): ref Retry =
  ## To raise: `raise retry("the service is not ready")`.
  result = newException(Retry, reason)
  result.afterMs = afterMs

proc reject*(reason: string): ref Reject = newException(Reject, reason)
  ## To raise: `raise reject("there is no amount")`.

proc json*(event: Event): JsonNode = parseJson(event.payload)
  ## The payload. Integers are exact up to 64 bits.

const
  state* = State() ## Durable keys and values of this handler alone. A key has 1 to 512 bytes.
  schedule* = Schedule() ## Events to this handler, for later. The same key replaces the entry.

proc get*(_: State, key: string, value: var string): bool =
  ## Whether the key is there, and its value.
  var found: Text
  result = tg_state_get(key.toText, addr found)
  if result: value = found.toString
  else: check(tg_error().data.isNil)

proc contains*(state: State, key: string): bool =
  var value: string
  state.get(key, value)

proc set*(_: State, key, value: string) = check tg_state_set(key.toText, value.toText)
proc delete*(_: State, key: string) = check tg_state_delete(key.toText)
proc add*(_: State, key: string, delta: int64) = check tg_state_add(key.toText, delta)
  ## A counter that never conflicts with other deliveries.

func toPairs(list: ptr UncheckedArray[RawPair], count: csize_t): seq[(string, string)] =
  for i in 0 ..< int(count): result.add (list[i].name.toString, list[i].value.toString)

proc list*(_: State, prefix: string, limit = 1000'u32, after = ""): seq[(string, string)] =
  ## The entries whose keys begin with `prefix`, in order: at most `limit` and at most 1,000, behind
  ## the key `after`.
  var entries: ptr UncheckedArray[RawPair]
  var count: csize_t
  check tg_state_list(prefix.toText, after.toAbsent, limit, addr entries, addr count)
  toPairs(entries, count)

proc after*(_: Schedule, key: string, ms: uint64, kind: string, payload = "") =
  check tg_schedule_after(key.toText, ms, kind.toText, payload.toText)
proc at*(_: Schedule, key: string, ms: uint64, kind: string, payload = "") =
  check tg_schedule_at(key.toText, ms, kind.toText, payload.toText)
proc cancel*(_: Schedule, key: string) = check tg_schedule_cancel(key.toText)

proc send*(url, body: string, verb = "POST", orderKey = "", respond = "",
           headers: seq[(string, string)] = @[], contentType = "application/json") =
  ## Queues a request that goes out after the commit, at least once, with an Idempotency-Key. The
  ## origin of the URL must be in the manifest's `allow`.
  var pairs: seq[RawPair]
  for (name, value) in headers: pairs.add RawPair(name: name.toText, value: value.toText)
  var request = RawRequest(`method`: verb.toText, url: url.toText, body: body.toText,
    content_type: contentType.toText, order_key: orderKey.toAbsent, respond: respond.toAbsent)
  if pairs.len > 0:
    request.headers = cast[ptr UncheckedArray[RawPair]](addr pairs[0])
    request.headers_count = csize_t(pairs.len)
  check tg_send(addr request)

proc emit*(kind, payload: string, subject = "") =
  ## An event for the routes, with the source handler:NAME.
  check tg_emit(kind.toText, subject.toAbsent, payload.toText)

proc config*(key: string, value: var string): bool =
  ## A value of `config` in the manifest.
  var found: Text
  result = tg_config(key.toText, addr found)
  if result: value = found.toString

proc requireConfig*(key: string): string =
  ## A value of `config` in the manifest; without it, the event is rejected.
  if not config(key, result): raise reject("`config` has no " & key)

proc configEntries*(): seq[(string, string)] =
  ## All of `config`.
  var entries: ptr UncheckedArray[RawPair]
  let count = tg_config_entries(addr entries)
  toPairs(entries, count)

proc resolvedObject*(resolved: var Resolved): bool =
  ## The object of a thin event, as it is today. False if the gateway did not ask.
  var body: Text
  result = tg_resolved_object(addr body, addr resolved.readMs)
  resolved.isThere = not body.data.isNil
  resolved.body = body.toString

proc resolvedEvent*(resolved: var Resolved): bool =
  ## The whole event of a thin event. False if the gateway did not ask.
  var body: Text
  result = tg_resolved_event(addr body, addr resolved.readMs)
  resolved.isThere = not body.data.isNil
  resolved.body = body.toString

proc debug*(message: string) = tg_debug(message.toText)
proc info*(message: string) = tg_info(message.toText)
  ## A line in the log that the gateway keeps with the attempt.
proc warn*(message: string) = tg_warn(message.toText)

func toEvent(raw: ptr RawEvent): Event =
  Event(id: raw.id.toString, source: raw.source.toString, providerId: raw.provider_id.toString,
    kind: raw.kind.toString, subject: raw.subject.toString, account: raw.account.toString,
    hasCreated: raw.has_created, createdMs: raw.created_ms, receivedMs: raw.received_ms,
    attempt: raw.attempt, replay: raw.replay, headers: toPairs(raw.headers, raw.headers_count),
    metadata: toPairs(raw.metadata, raw.metadata_count), payload: raw.payload.toString)

proc run(handler: proc (event: Event): Outcome {.nimcall.}, raw: pointer): RawResult =
  try:
    let outcome = handler(toEvent(cast[ptr RawEvent](raw)))
    case outcome.kind
    of isDone: return tg_done()
    of isIgnored: return tg_ignored(outcome.reason.toText)
    of isUnset: tg_panic(toText("onEvent returned no outcome: return done() or ignored()"))
  except Retry as error:
    if error.afterMs >= 0: return tg_retry_after(error.msg.toText, uint64(error.afterMs))
    return tg_retry(error.msg.toText)
  except Reject as error: return tg_reject(error.msg.toText)
  except CallError as error: return tg_reject(error.msg.toText)
  except JsonParsingError as error:
    return tg_reject(toText("the payload cannot be read: " & error.msg))
  except CatchableError as error: tg_panic(toText($error.name & ": " & error.msg))
  except Defect as error: tg_panic(toText($error.name & ": " & error.msg))

proc nimMain() {.importc: "NimMain", cdecl.}

template register*(handler: proc (event: Event): Outcome {.nimcall.}) =
  ## Makes a procedure the handler.
  proc exported(raw: pointer): RawResult {.exportc: "tg_nim_handle", cdecl.} =
    runRegistered(handler, raw)

proc runRegistered*(handler: proc (event: Event): Outcome {.nimcall.}, raw: pointer): RawResult =
  ## For `register` alone.
  nimMain()
  run(handler, raw)
