//go:build wasip1

package handler

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"
	"unsafe"

	// Time zones: the gateway gives no files, so the data travels inside the component.
	_ "time/tzdata"
)

// The types below are those that the canonical ABI gives to the interfaces of tollgate:handler: a
// text is an address and a length, a result with several parts is written to an address that the
// caller names. A build checks them against the interface.

//go:wasmimport tollgate:handler/log@0.1.0 log
func wasmLog(level uint32, message, size, fields, count uint32)

//go:wasmimport tollgate:handler/config@0.1.0 get
func wasmConfigGet(key, size, result uint32)

//go:wasmimport tollgate:handler/config@0.1.0 entries
func wasmConfigEntries(result uint32)

//go:wasmimport tollgate:handler/state@0.1.0 get
func wasmStateGet(key, size, result uint32)

//go:wasmimport tollgate:handler/state@0.1.0 set
func wasmStateSet(key, size, value, valueSize, result uint32)

//go:wasmimport tollgate:handler/state@0.1.0 delete
func wasmStateDelete(key, size, result uint32)

//go:wasmimport tollgate:handler/state@0.1.0 list
func wasmStateList(prefix, size, hasAfter, after, afterSize, limit, result uint32)

//go:wasmimport tollgate:handler/state@0.1.0 add
func wasmStateAdd(key, size uint32, delta int64, result uint32)

//go:wasmimport tollgate:handler/outbox@0.1.0 send
func wasmOutboxSend(method, methodSize, url, urlSize, headers, headersCount, body, bodySize,
	hasOrder, order, orderSize, hasRespond, respond, respondSize, result uint32)

//go:wasmimport tollgate:handler/emit@0.1.0 emit
func wasmEmit(kind, kindSize, hasSubject, subject, subjectSize, payload, payloadSize, result uint32)

//go:wasmimport tollgate:handler/schedule@0.1.0 put
func wasmSchedulePut(key, keySize, due uint32, millis int64, kind, kindSize, hasSubject, subject,
	subjectSize, payload, payloadSize, result uint32)

//go:wasmimport tollgate:handler/schedule@0.1.0 cancel
func wasmScheduleCancel(key, size, result uint32)

//go:wasmimport tollgate:handler/resolved@0.1.0 object
func wasmResolvedObject(result uint32)

//go:wasmimport tollgate:handler/resolved@0.1.0 event
func wasmResolvedEvent(result uint32)

//go:wasmimport tollgate:ask/http@0.1.0 send
func wasmAsk(method, methodSize, url, urlSize, headers, headersCount, body, bodySize,
	hasTimeout uint32, timeout int64, result uint32)

// callDone is no case of an error: the call was taken.
const callDone = 0xff

// held has what crosses to the gateway or comes from it. An instance serves one event, so nothing
// is given back.
var held [][]uint64

// allocate returns the address of zeroed bytes, aligned to 8.
func allocate(size uint32) uint32 {
	block := make([]uint64, size/8+1)
	held = append(held, block)
	return uint32(uintptr(unsafe.Pointer(&block[0])))
}

// The adapter of WASI asks for memory while Go's own runtime starts, which has no heap yet: it gets
// these bytes, which are enough for its page and its stack.
var (
	early     [32 << 10]uint64
	earlyUsed uint32
	started   bool
)

func init() { started = true }

//go:wasmexport cabi_realloc
func realloc(old, oldSize, align, size uint32) uint32 {
	if !started {
		from := earlyUsed
		earlyUsed += size/8 + 1
		return uint32(uintptr(unsafe.Pointer(&early[from])))
	}
	at := allocate(size)
	copy(bytes(at, size), bytes(old, min(oldSize, size)))
	return at
}

// memory is the address as a pointer. Only addresses from allocate and from the gateway come here.
func memory(at uint32) unsafe.Pointer {
	address := uintptr(at)
	return *(*unsafe.Pointer)(unsafe.Pointer(&address))
}

func bytes(at, size uint32) []byte {
	if size == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(memory(at)), size)
}

func text(at, size uint32) string { return string(bytes(at, size)) }

func u8(at uint32) uint8        { return *(*uint8)(memory(at)) }
func u32(at uint32) uint32      { return *(*uint32)(memory(at)) }
func u64(at uint32) uint64      { return *(*uint64)(memory(at)) }
func put8(at uint32, v uint8)   { *(*uint8)(memory(at)) = v }
func put32(at, v uint32)        { *(*uint32)(memory(at)) = v }
func put64(at uint32, v uint64) { *(*uint64)(memory(at)) = v }

// lower copies a text to where it may cross, as UTF-8.
func lower(s string) (uint32, uint32) {
	return lowerBytes([]byte(strings.ToValidUTF8(s, "\uFFFD")))
}

func lowerBytes(b []byte) (uint32, uint32) {
	size := uint32(len(b))
	at := allocate(size)
	copy(bytes(at, size), b)
	return at, size
}

// lowerOption is a text that is absent if it is empty.
func lowerOption(s string) (uint32, uint32, uint32) {
	if s == "" {
		return 0, 0, 0
	}
	at, size := lower(s)
	return 1, at, size
}

func lowerPairs(pairs [][2]string) (uint32, uint32) {
	list := allocate(uint32(len(pairs)) * 16)
	for i, pair := range pairs {
		at := list + uint32(i)*16
		for part, text := range pair {
			from, size := lower(text)
			put32(at+uint32(part)*8, from)
			put32(at+uint32(part)*8+4, size)
		}
	}
	return list, uint32(len(pairs))
}

func pairs(at uint32) [][2]string {
	list, count := u32(at), u32(at+4)
	all := make([][2]string, count)
	for i := range all {
		entry := list + uint32(i)*16
		all[i] = [2]string{
			text(u32(entry), u32(entry+4)),
			text(u32(entry+8), u32(entry+12)),
		}
	}
	return all
}

func option(at uint32) string {
	if u8(at) == 0 {
		return ""
	}
	return text(u32(at+4), u32(at+8))
}

func logLine(level uint32, message string, fields [][2]string) {
	at, size := lower(message)
	list, count := lowerPairs(fields)
	wasmLog(level, at, size, list, count)
}

func configGet(key string) (string, bool) {
	at, size := lower(key)
	result := allocate(12)
	wasmConfigGet(at, size, result)
	return option(result), u8(result) == 1
}

func configEntries() [][2]string {
	result := allocate(8)
	wasmConfigEntries(result)
	return pairs(result)
}

// unit is the code of a result without a value: a byte that says whether it is an error, and the
// case behind it.
func unit(result uint32) uint8 {
	if u8(result) == 0 {
		return callDone
	}
	return u8(result + 1)
}

func stateGet(key string) ([]byte, bool, uint8) {
	at, size := lower(key)
	result := allocate(16)
	wasmStateGet(at, size, result)
	if u8(result) != 0 {
		return nil, false, u8(result + 4)
	}
	if u8(result+4) == 0 {
		return nil, false, callDone
	}
	return append([]byte{}, bytes(u32(result+8), u32(result+12))...), true, callDone
}

func stateSet(key string, value []byte) uint8 {
	at, size := lower(key)
	from, length := lowerBytes(value)
	result := allocate(2)
	wasmStateSet(at, size, from, length, result)
	return unit(result)
}

func stateDelete(key string) uint8 {
	at, size := lower(key)
	result := allocate(2)
	wasmStateDelete(at, size, result)
	return unit(result)
}

func stateAdd(key string, delta int64) uint8 {
	at, size := lower(key)
	result := allocate(2)
	wasmStateAdd(at, size, delta, result)
	return unit(result)
}

func stateList(prefix, after string, limit uint32) ([]Entry, uint8) {
	at, size := lower(prefix)
	has, behind, length := lowerOption(after)
	result := allocate(12)
	wasmStateList(at, size, has, behind, length, limit, result)
	if u8(result) != 0 {
		return nil, u8(result + 4)
	}
	list, count := u32(result+4), u32(result+8)
	entries := make([]Entry, count)
	for i := range entries {
		entry := list + uint32(i)*16
		entries[i].Key = text(u32(entry), u32(entry+4))
		entries[i].Value = append([]byte{}, bytes(u32(entry+8), u32(entry+12))...)
	}
	return entries, callDone
}

// keyed is the result of a call that returns an idempotency key.
func keyed(result uint32) (string, uint8, string) {
	if u8(result) == 0 {
		return text(u32(result+4), u32(result+8)), callDone, ""
	}
	code := u8(result + 4)
	why := ""
	if code <= 1 {
		why = text(u32(result+8), u32(result+12))
	}
	return "", code, why
}

func outboxSend(r Request) (string, uint8, string) {
	method, methodSize := lower(r.Method)
	url, urlSize := lower(r.URL)
	headers, headersCount := lowerPairs(r.Headers)
	body, bodySize := lowerBytes(r.Body)
	hasOrder, order, orderSize := lowerOption(r.OrderKey)
	hasRespond, respond, respondSize := lowerOption(r.Respond)
	result := allocate(16)
	wasmOutboxSend(method, methodSize, url, urlSize, headers, headersCount, body, bodySize,
		hasOrder, order, orderSize, hasRespond, respond, respondSize, result)
	return keyed(result)
}

func ask(q Question) (*Reply, uint8, string) {
	method, methodSize := lower(q.Method)
	url, urlSize := lower(q.URL)
	headers, headersCount := lowerPairs(q.Headers)
	body, bodySize := lowerBytes(q.Body)
	var hasTimeout uint32
	if q.Timeout > 0 {
		hasTimeout = 1
	}
	result := allocate(24)
	wasmAsk(method, methodSize, url, urlSize, headers, headersCount, body, bodySize, hasTimeout,
		max(q.Timeout.Milliseconds(), 1), result)
	if u8(result) != 0 {
		return nil, u8(result + 4), text(u32(result+8), u32(result+12))
	}
	return &Reply{
		Status:  int(u32(result+4) & 0xffff),
		Headers: pairs(result + 8),
		Body:    append([]byte{}, bytes(u32(result+16), u32(result+20))...),
	}, callDone, ""
}

func emit(kind, subject string, payload []byte) (string, uint8, string) {
	at, size := lower(kind)
	has, about, length := lowerOption(subject)
	from, payloadSize := lowerBytes(payload)
	result := allocate(16)
	wasmEmit(at, size, has, about, length, from, payloadSize, result)
	if u8(result) != 0 && u8(result+4) != 0 {
		return "", u8(result + 4), ""
	}
	return keyed(result)
}

func schedulePut(key string, due uint32, millis uint64, kind, subject string,
	payload []byte) (uint8, string) {
	at, size := lower(key)
	kindAt, kindSize := lower(kind)
	has, about, length := lowerOption(subject)
	from, payloadSize := lowerBytes(payload)
	result := allocate(16)
	wasmSchedulePut(at, size, due, int64(millis), kindAt, kindSize, has, about, length, from,
		payloadSize, result)
	return scheduled(result)
}

func scheduleCancel(key string) uint8 {
	at, size := lower(key)
	result := allocate(16)
	wasmScheduleCancel(at, size, result)
	code, _ := scheduled(result)
	return code
}

func scheduled(result uint32) (uint8, string) {
	if u8(result) == 0 {
		return callDone, ""
	}
	code := u8(result + 4)
	if code != 1 {
		return code, ""
	}
	return code, text(u32(result+8), u32(result+12))
}

func resolvedObject(result uint32) { wasmResolvedObject(result) }
func resolvedEvent(result uint32)  { wasmResolvedEvent(result) }

func resolved(ask func(uint32)) *Answer {
	result := allocate(32)
	ask(result)
	if u8(result) == 0 {
		return nil
	}
	answer := &Answer{Read: time.UnixMilli(int64(u64(result + 8)))}
	if u8(result+16) != 0 {
		answer.Body = append([]byte{}, bytes(u32(result+20), u32(result+24))...)
	}
	return answer
}

func eventAt(at uint32) Event {
	event := Event{
		ID:         text(u32(at), u32(at+4)),
		Source:     text(u32(at+8), u32(at+12)),
		ProviderID: option(at + 16),
		Kind:       text(u32(at+28), u32(at+32)),
		Subject:    option(at + 36),
		Account:    option(at + 48),
		Received:   time.UnixMilli(int64(u64(at + 80))),
		Attempt:    u32(at + 88),
		Replay:     u8(at+92) != 0,
		Headers:    pairs(at + 96),
		Metadata:   pairs(at + 104),
		Payload:    bytes(u32(at+112), u32(at+116)),
	}
	if u8(at+64) != 0 {
		event.Created = time.UnixMilli(int64(u64(at + 72)))
	}
	return event
}

//go:wasmexport handle
func handle(at uint32) uint32 {
	outcome, err := call(eventAt(at))
	answer := allocate(40)
	reason := func(at uint32, text string) {
		from, size := lower(text)
		put32(at, from)
		put32(at+4, size)
	}
	if err != nil {
		failure := failureOf(err)
		put8(answer, 1)
		if failure.Final {
			put8(answer+8, 1)
		}
		reason(answer+16, failure.Reason)
		if failure.After != nil && !failure.Final {
			put8(answer+24, 1)
			put64(answer+32, uint64(max(failure.After.Milliseconds(), 0)))
		}
		return answer
	}
	if ignored, is := outcome.(ignored); is {
		put8(answer+8, 1)
		reason(answer+12, ignored.reason)
	}
	return answer
}

// call runs the handler. A panic, and an outcome that is none, end the run: the last line of the log
// stands before the trap in the attempt.
func call(event Event) (outcome Outcome, err error) {
	defer func() {
		if why := recover(); why != nil {
			stack := strings.TrimSpace(string(debug.Stack()))
			logLine(3, stack, nil)
			logLine(4, fmt.Sprintf("panic: %v", why), nil)
			os.Exit(2)
		}
	}()
	if registered == nil {
		panic("no handler is registered: write func init() { handler.Register(handle) }")
	}
	outcome, err = registered(event)
	if err == nil && outcome == nil {
		panic("the handler returned neither an outcome nor an error: return handler.Done()")
	}
	return outcome, err
}
