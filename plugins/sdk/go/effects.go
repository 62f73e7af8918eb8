package handler

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Request is a request that goes out after the commit, at least once, with an Idempotency-Key.
type Request struct {
	// Method is POST if empty.
	Method string
	// URL is absolute. Its origin must be in the manifest's allow.
	URL string
	// Headers are pairs of name and value.
	Headers [][2]string
	// Body is the bytes of the body.
	Body []byte
	// JSON is sent as the body, with its content type, if Body is nil.
	JSON any
	// OrderKey keeps requests with the same key in order.
	OrderKey string
	// Respond, if set, has the answer come back as an event outbox.response with this subject.
	Respond string
}

type outbox struct{}

// Outbox queues requests.
var Outbox outbox

// Send queues a request, and returns its idempotency key.
func (outbox) Send(request Request) (string, error) {
	if request.Method == "" {
		request.Method = "POST"
	}
	if request.Body == nil && request.JSON != nil {
		body, err := JSON(request.JSON)
		if err != nil {
			return "", refused("Outbox.Send", request.URL, err)
		}
		request.Body = body
		kind := [2]string{"content-type", "application/json"}
		request.Headers = append(append([][2]string{}, request.Headers...), kind)
	}
	key, code, text := outboxSend(request)
	switch code {
	case callDone:
		return key, nil
	case 0:
		return "", refused("Outbox.Send", request.URL, errors.New(text))
	case 1:
		why := fmt.Errorf("%s is not in the manifest's `allow`", text)
		return "", refused("Outbox.Send", request.URL, why)
	case 2:
		return "", refused("Outbox.Send", request.URL, ErrTooDeep)
	}
	return "", refused("Outbox.Send", request.URL, ErrTooLarge)
}

// NewEvent is an event for the routes, with the source handler:NAME.
type NewEvent struct {
	// Kind is the event type, such as order.fulfilled.
	Kind string
	// Subject is the id of the object; may be empty.
	Subject string
	// Payload is the bytes of the event.
	Payload []byte
	// JSON is the payload if Payload is nil.
	JSON any
}

func (e NewEvent) payload() ([]byte, error) {
	if e.Payload == nil && e.JSON != nil {
		return JSON(e.JSON)
	}
	return e.Payload, nil
}

// Emit sends an event to the routes, and returns its idempotency key.
func Emit(event NewEvent) (string, error) {
	payload, err := event.payload()
	if err != nil {
		return "", refused("Emit", event.Kind, err)
	}
	key, code, text := emit(event.Kind, event.Subject, payload)
	switch code {
	case callDone:
		return key, nil
	case 0:
		return "", refused("Emit", event.Kind, errors.New(text))
	case 1:
		return "", refused("Emit", event.Kind, ErrTooDeep)
	}
	return "", refused("Emit", event.Kind, ErrTooLarge)
}

type schedule struct{}

// Schedule puts events to this handler off until later. The same key replaces the entry.
var Schedule schedule

// After has an event delivered this long after the commit.
func (schedule) After(key string, delay time.Duration, event NewEvent) error {
	return putEntry("Schedule.After", key, 0, delay.Milliseconds(), event)
}

// At has an event delivered at a time.
func (schedule) At(key string, due time.Time, event NewEvent) error {
	return putEntry("Schedule.At", key, 1, due.UnixMilli(), event)
}

// Cancel removes the entry of a key. A key without an entry is no error.
func (schedule) Cancel(key string) error {
	return scheduleError("Schedule.Cancel", key, scheduleCancel(key), "")
}

func putEntry(call, key string, kind uint32, millis int64, event NewEvent) error {
	payload, err := event.payload()
	if err != nil {
		return refused(call, key, err)
	}
	code, text := schedulePut(key, kind, uint64(max(millis, 0)), event.Kind, event.Subject, payload)
	return scheduleError(call, key, code, text)
}

func scheduleError(call, key string, code uint8, text string) error {
	switch code {
	case callDone:
		return nil
	case 0:
		return refused(call, key, ErrInvalidKey)
	case 1:
		return refused(call, key, errors.New(text))
	}
	return refused(call, key, ErrTooLarge)
}

type state struct{}

// State has durable keys and values of this handler alone. A key has 1 to 512 bytes.
var State state

func stateError(call, key string, code uint8) error {
	switch code {
	case callDone:
		return nil
	case 0:
		return refused(call, key, ErrInvalidKey)
	case 1:
		return refused(call, key, ErrNotACounter)
	}
	return refused(call, key, ErrTooLarge)
}

// Get returns the value of a key, and whether it is there.
func (state) Get(key string) ([]byte, bool, error) {
	value, found, code := stateGet(key)
	return value, found, stateError("State.Get", key, code)
}

// Set sets the value of a key.
func (state) Set(key string, value []byte) error {
	return stateError("State.Set", key, stateSet(key, value))
}

// GetJSON reads the value of a key, which is JSON, into a value, and returns whether the key is
// there. A value that cannot be read is an error.
func (s state) GetJSON(key string, into any) (bool, error) {
	text, found, err := s.Get(key)
	if err != nil || !found {
		return false, err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return false, refused("State.GetJSON", key, err)
	}
	return true, nil
}

// SetJSON sets the value of a key to the JSON of a value.
func (s state) SetJSON(key string, value any) error {
	text, err := JSON(value)
	if err != nil {
		return refused("State.SetJSON", key, err)
	}
	return s.Set(key, text)
}

// Delete removes a key. An absent key is no error.
func (state) Delete(key string) error {
	return stateError("State.Delete", key, stateDelete(key))
}

// Add adds to a counter, which never conflicts with other deliveries.
func (state) Add(key string, delta int64) error {
	return stateError("State.Add", key, stateAdd(key, delta))
}

// Entry is a key with its value.
type Entry struct {
	Key   string
	Value []byte
}

// List returns at most limit entries (and at most 1,000) whose keys begin with the prefix, in the
// order of their keys, behind the key after (empty for the first page).
func (state) List(prefix, after string, limit uint32) ([]Entry, error) {
	entries, code := stateList(prefix, after, limit)
	return entries, stateError("State.List", prefix, code)
}

// Config returns a value of config in the manifest, and whether it is there.
func Config(key string) (string, bool) { return configGet(key) }

// ConfigEntries returns all of config in the manifest: pairs of key and value.
func ConfigEntries() [][2]string { return configEntries() }

// RequireConfig returns a value of config in the manifest; if the value is absent or empty, the
// event is rejected.
func RequireConfig(key string) (string, error) {
	value, _ := configGet(key)
	if value == "" {
		return "", Reject("`config` has no %s", key)
	}
	return value, nil
}

// Answer is what the provider's API told of a thin event.
type Answer struct {
	// Read is the time at which the gateway read the answer.
	Read time.Time
	// Body is the JSON of the answer; nil if the thing is gone.
	Body []byte
}

// ResolvedObject returns the object of a thin event; nil if the gateway did not ask.
func ResolvedObject() *Answer { return resolved(resolvedObject) }

// ResolvedEvent returns the whole thin event; nil if the gateway did not ask.
func ResolvedEvent() *Answer { return resolved(resolvedEvent) }

// Debug, Info and Warn write a line into the log that the gateway keeps with the attempt. The fields
// are names and values in turn.
func Debug(message string, fields ...any) { log(1, message, fields) }

// Info writes a line: see Debug.
func Info(message string, fields ...any) { log(2, message, fields) }

// Warn writes a line: see Debug.
func Warn(message string, fields ...any) { log(3, message, fields) }

func log(level uint32, message string, fields []any) {
	var pairs [][2]string
	for i := 0; i < len(fields); i += 2 {
		value := any("(no value)")
		if i+1 < len(fields) {
			value = fields[i+1]
		}
		pairs = append(pairs, [2]string{fmt.Sprint(fields[i]), fmt.Sprint(value)})
	}
	logLine(level, message, pairs)
}
