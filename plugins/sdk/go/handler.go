// Package handler is the SDK for handlers of Tollgate, a gateway for payment webhooks.
//
// A handler is one function, which the program names at its start:
//
//	package main
//
//	import "tollgate/handler"
//
//	func init() { handler.Register(handle) }
//
//	func main() {}
//
//	func handle(event handler.Event) (handler.Outcome, error) {
//		var charge struct {
//			Amount int64 `json:"amount"`
//		}
//		if err := event.Object(&charge); err != nil {
//			return nil, err
//		}
//		if err := handler.State.Add("charged", charge.Amount); err != nil {
//			return nil, err
//		}
//		return handler.Done()
//	}
//
// The package tollgate/handler/stripe reads Stripe's events in both of their forms.
//
// The gateway commits the effects of a run (State, Outbox, Emit, Schedule) together with the
// delivery, or not at all. Each event gets a fresh instance: variables do not outlive it.
//
// Errors: [Retry] and [Reject] make the two failures. Errors of this package reject the event, since
// the same bytes would fail again. Any other error asks for another attempt. A panic ends the run;
// its message and its stack are in the attempt's log. Texts that are no UTF-8 are made valid before
// they cross to the gateway.
package handler

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Event is an event whose signature the gateway verified and which it recorded durably.
type Event struct {
	// ID is the gateway's id: a UUID, the same for every attempt and replay.
	ID string
	// Source is the source's name in the manifest, or handler:NAME.
	Source string
	// ProviderID is the provider's own id; empty if the provider sends none.
	ProviderID string
	// Kind is the event type, such as payment_intent.succeeded.
	Kind string
	// Subject is the id of the object that the event is about; may be empty.
	Subject string
	// Account is the connected account or merchant; may be empty.
	Account string
	// Created is the time at which the event happened; zero if the provider does not say.
	Created time.Time
	// Received is the time at which the gateway received the event.
	Received time.Time
	// Attempt is 1 for the first attempt.
	Attempt uint32
	// Replay says whether an operator asked for a replay.
	Replay bool
	// Headers are pairs of name (in lower case) and value.
	Headers [][2]string
	// Metadata are facts that the gateway adds.
	Metadata [][2]string
	// Payload is the exact bytes of the event.
	Payload []byte
}

// Decode reads the payload as JSON into a value. Into a field of type int64, numbers are read
// exactly; into an interface value, they become float64, which rounds above 2^53.
func (e Event) Decode(into any) error {
	if err := json.Unmarshal(e.Payload, into); err != nil {
		return Reject("the payload of %s cannot be read: %v", e.Kind, err)
	}
	return nil
}

// Object reads the object of a Stripe event (data.object) into a value.
func (e Event) Object(into any) error {
	var event struct {
		Data struct {
			Object json.RawMessage `json:"object"`
		} `json:"data"`
	}
	if err := e.Decode(&event); err != nil {
		return err
	}
	if len(event.Data.Object) == 0 {
		return Reject("the payload of %s has no data.object", e.Kind)
	}
	if err := json.Unmarshal(event.Data.Object, into); err != nil {
		return Reject("the payload of %s cannot be read: its object: %v", e.Kind, err)
	}
	return nil
}

// Header returns the first header with a name in lower case, and whether there is one.
func (e Event) Header(name string) (string, bool) { return find(e.Headers, name) }

// Fact returns a fact that the gateway adds, such as emitted-by, and whether there is one.
func (e Event) Fact(name string) (string, bool) { return find(e.Metadata, name) }

// Scheduled returns the key under which the handler scheduled the event, and whether it did.
func (e Event) Scheduled() (string, bool) { return e.Fact("schedule") }

func find(pairs [][2]string, name string) (string, bool) {
	for _, pair := range pairs {
		if pair[0] == name {
			return pair[1], true
		}
	}
	return "", false
}

// Outcome is what a handler returns that did its work: Done or Ignored make one.
type Outcome interface{ outcome() }

type done struct{}
type ignored struct{ reason string }

func (done) outcome()    {}
func (ignored) outcome() {}

// Done says that the handler acted on the event.
func Done() (Outcome, error) { return done{}, nil }

// Ignored says that the event needs no action. The effects are committed too.
func Ignored(format string, values ...any) (Outcome, error) {
	return ignored{fmt.Sprintf(format, values...)}, nil
}

// Failure is an error with which a handler ends an event.
type Failure struct {
	// Reason is for the operator.
	Reason string
	// Final says that another attempt would not help.
	Final bool
	// After is the shortest wait before the next attempt; nil leaves it to the retry policy.
	After *time.Duration
}

func (f *Failure) Error() string { return f.Reason }

// Retry asks for another attempt, by the handler's retry policy.
func Retry(format string, values ...any) error {
	return &Failure{Reason: fmt.Sprintf(format, values...)}
}

// RetryAfter asks for another attempt, not before this time has passed.
func RetryAfter(after time.Duration, format string, values ...any) error {
	return &Failure{Reason: fmt.Sprintf(format, values...), After: &after}
}

// Reject makes the delivery a dead letter.
func Reject(format string, values ...any) error {
	return &Failure{Reason: fmt.Sprintf(format, values...), Final: true}
}

// Errors of calls that the gateway refuses.
var (
	ErrInvalidKey  = errors.New("a key has 1 to 512 bytes")
	ErrNotACounter = errors.New("the value is no counter")
	ErrTooLarge    = errors.New("the effects of this run are too large (`effects` in the manifest)")
	ErrTooDeep     = errors.New("the event ends a chain of emitted events")
)

// refused is an error of a call, which rejects the event if the handler returns it.
func refused(call, about string, why error) error {
	return &callError{call, about, why}
}

type callError struct {
	call, about string
	why         error
}

func (e *callError) Error() string { return e.call + " " + e.about + ": " + e.why.Error() }
func (e *callError) Unwrap() error { return e.why }

// registered is the handler's function.
var registered func(Event) (Outcome, error)

// Register names the function that handles events. Call it in init.
func Register(handle func(Event) (Outcome, error)) { registered = handle }

// failureOf is the failure that an error stands for.
func failureOf(err error) *Failure {
	var failure *Failure
	if errors.As(err, &failure) {
		return failure
	}
	var call *callError
	if errors.As(err, &call) {
		return &Failure{Reason: err.Error(), Final: true}
	}
	return &Failure{Reason: err.Error()}
}
