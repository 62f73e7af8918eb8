// Tells the shop once about each {{event}}.
package main

import "tollgate/handler"

func init() { handler.Register(handle) }

func main() {}

// object has the fields of the event's object that this handler needs.
type object struct {
	ID       string `json:"id"`
	Amount   *int64 `json:"{{amount}}"`
	Currency string `json:"currency"`
}

func handle(event handler.Event) (handler.Outcome, error) {
	if event.Kind != "{{event}}" {
		return handler.Ignored("%s is not for this handler", event.Kind)
	}
	var object object
	if err := event.Object(&object); err != nil {
		return nil, err
	}
	if object.Amount == nil {
		return nil, handler.Reject("%s has no {{amount}}", object.ID)
	}

	// Providers send an event again, and several events may tell of one payment: the state says
	// what was done already.
	seen := "seen/" + object.ID
	if _, found, err := handler.State.Get(seen); err != nil {
		return nil, err
	} else if found {
		return handler.Ignored("%s was told before", object.ID)
	}
	if err := handler.State.Set(seen, []byte(event.ID)); err != nil {
		return nil, err
	}
	if err := handler.State.Add("total/"+object.Currency, *object.Amount); err != nil {
		return nil, err
	}

	// The request goes out after the commit, and not at all if the handler fails.
	url, err := handler.RequireConfig("notify_url")
	if err != nil {
		return nil, err
	}
	_, err = handler.Outbox.Send(handler.Request{
		URL:      url,
		OrderKey: object.ID,
		JSON: map[string]any{
			"id":       object.ID,
			"amount":   *object.Amount,
			"currency": object.Currency,
		},
	})
	if err != nil {
		return nil, err
	}
	handler.Info("told the shop", "object", object.ID)
	return handler.Done()
}
