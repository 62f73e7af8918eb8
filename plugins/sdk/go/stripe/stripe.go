// Package stripe reads Stripe's events, in both of their forms: snapshot events, which bring their
// object, and thin events, whose object the gateway reads from Stripe's API.
//
//	var charge struct {
//		ID       string            `json:"id"`
//		Customer *stripe.Reference `json:"customer"`
//	}
//	read, err := stripe.Read(event, &charge)
//
// Fields that the value does not name are left out, so events of newer API versions are readable
// too. The zero value of a field stands for an absent field, for null, and for itself: a pointer
// tells the first two from the third, and [Told] tells all three apart.
package stripe

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"tollgate/handler"
)

// thin is what Stripe puts before the type of a snapshot event to get the type of the thin event.
const thin = "v1."

// Event is what Stripe writes around an object.
type Event struct {
	// ID is Stripe's id of the event.
	ID string
	// Kind is the event type, such as payment_intent.succeeded, for thin events too.
	Kind string
	// Created is the time at which the event happened: seconds since the Unix epoch.
	Created int64
	// Livemode is true for real money, false for the test mode; nil if the event does not say.
	Livemode *bool
	// Account is the connected account that the event belongs to; empty if there is none.
	Account string
	// Read is the time at which the object of a thin event was read, since which the object may
	// have changed; the zero time if the object came with the event.
	Read time.Time
	// Gone says that the event is thin, and that Stripe no longer has the object. The subject of
	// the gateway's event is its id.
	Gone bool
}

// Kind returns the type of an event in the words of snapshot events, for thin events too.
func Kind(event handler.Event) string { return strings.TrimPrefix(event.Kind, thin) }

// Read reads an event and its object. If Gone is true, the object is left as it was.
func Read(event handler.Event, object any) (Event, error) {
	if strings.HasPrefix(event.Kind, thin) {
		return readThin(event, object)
	}
	var whole struct {
		ID       *string `json:"id"`
		Kind     *string `json:"type"`
		Created  *int64  `json:"created"`
		Livemode *bool   `json:"livemode"`
		Account  *string `json:"account"`
		Data     struct {
			Object json.RawMessage `json:"object"`
		} `json:"data"`
	}
	if err := event.Decode(&whole); err != nil {
		return Event{}, err
	}
	if whole.ID == nil || whole.Kind == nil || whole.Created == nil {
		return Event{}, unreadable(event, errors.New("it has no id, type or created"))
	}
	if err := readObject(event, whole.Data.Object, object); err != nil {
		return Event{}, err
	}
	return Event{
		ID:       *whole.ID,
		Kind:     *whole.Kind,
		Created:  *whole.Created,
		Livemode: whole.Livemode,
		Account:  orEmpty(whole.Account),
	}, nil
}

func readThin(event handler.Event, object any) (Event, error) {
	var whole struct {
		ID       *string `json:"id"`
		Livemode *bool   `json:"livemode"`
		Context  *string `json:"context"`
	}
	if err := event.Decode(&whole); err != nil {
		return Event{}, err
	}
	if whole.ID == nil {
		return Event{}, unreadable(event, errors.New("it has no id"))
	}
	answer := handler.ResolvedObject()
	if answer == nil {
		return Event{}, unreadable(event, errors.New("a thin event has no object: set `resolve` "+
			"on its source in the manifest, or see in `tollgate events show` why the object was "+
			"not asked for"))
	}
	context := orEmpty(whole.Context)
	read := Event{
		ID:       *whole.ID,
		Kind:     Kind(event),
		Created:  happened(event).UnixMilli() / 1000,
		Livemode: whole.Livemode,
		// A context is an account, or a path to one, such as org_1/acct_2.
		Account: context[strings.LastIndex(context, "/")+1:],
		Read:    answer.Read,
		Gone:    answer.Body == nil,
	}
	if read.Gone {
		return read, nil
	}
	return read, readObject(event, answer.Body, object)
}

// readObject reads an object. Null is none.
func readObject(event handler.Event, text []byte, object any) error {
	if len(text) == 0 || string(text) == "null" {
		return unreadable(event, errors.New("it has no object"))
	}
	if err := json.Unmarshal(text, object); err != nil {
		return unreadable(event, err)
	}
	return nil
}

// happened returns the time of a thin event. A gateway knows it of every event of Stripe.
func happened(event handler.Event) time.Time {
	if event.Created.IsZero() {
		return event.Received
	}
	return event.Created
}

func unreadable(event handler.Event, why error) error {
	return handler.Reject("the payload of %s cannot be read: %v", event.Kind, why)
}

func orEmpty(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// OtherMode returns the reason to ignore an event of the other mode; an empty text if the handler
// acts on the event. The key livemode of the handler's config says which events it acts on: true
// (the default) for live events, false for events of the test mode, "any" for both. An event
// without the field livemode is not Stripe's own, and counts as live.
func (e Event) OtherMode() (string, error) {
	live := e.Livemode == nil || *e.Livemode
	config, found := handler.Config("livemode")
	if !found {
		config = "true"
	}
	var wants string
	switch {
	case config == "any", config == "true" && live, config == "false" && !live:
		return "", nil
	case config == "true":
		wants = "live events"
	case config == "false":
		wants = "events of the test mode"
	default:
		return "", handler.Reject("`livemode` in `config` is true, false or \"any\", not %q", config)
	}
	mode := "test"
	if live {
		mode = "live"
	}
	return e.ID + " is of the " + mode + " mode, and this handler acts on " + wants +
		" alone (config `livemode`)", nil
}

// Reference is the id of another object. Stripe sends the id alone, or the whole object if the
// field is expanded. Use a pointer, since the field may be null.
type Reference string

// UnmarshalJSON reads an id, or the id of an object.
func (r *Reference) UnmarshalJSON(text []byte) error {
	var id *string
	if err := json.Unmarshal(text, &id); err != nil {
		var whole struct {
			ID *string `json:"id"`
		}
		if json.Unmarshal(text, &whole) != nil {
			return err
		}
		id = whole.ID
	}
	if id == nil {
		return errors.New("an id or an object with an id was expected")
	}
	*r = Reference(*id)
	return nil
}

// Told tells an absent field from null. Null is Stripe's "there is none". An absent field says
// nothing: other API versions have it under another name.
type Told[T any] struct {
	// Is says whether the field is there, as null too.
	Is bool
	// Value is nil for null, and for an absent field.
	Value *T
}

// UnmarshalJSON reads a value, or null.
func (t *Told[T]) UnmarshalJSON(text []byte) error {
	t.Is = true
	return json.Unmarshal(text, &t.Value)
}
