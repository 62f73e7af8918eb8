// Parses the event and checks the amount.
package main

import "tollgate/handler"

func init() { handler.Register(handle) }

func main() {}

type object struct {
	Amount int64 `json:"amount_received"`
}

func handle(event handler.Event) (handler.Outcome, error) {
	var object object
	if err := event.Object(&object); err != nil {
		return nil, err
	}
	if object.Amount <= 0 {
		return nil, handler.Reject("there is nothing to pay")
	}
	return handler.Done()
}
