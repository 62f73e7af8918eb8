// Reminds, suspends and restores subscriptions whose invoices are not paid: the handler of
// plugins/dunning in Go. Its page (plugins/dunning/src/lib.rs) describes phases, config and output
// of both. Their effects are the same, byte for byte.
//
// Events may arrive in any order and more than once. So the handler keeps facts that do not depend
// on the order of arrival (facts.go), derives the phase from the facts (phase.go), and acts on the
// difference that an event makes (effects.go). Time is one of the facts (calendar.go).
package main

import (
	"bytes"
	"errors"

	"tollgate/handler"
)

func init() { handler.Register(handle) }

func main() {}

func handle(event handler.Event) (handler.Outcome, error) {
	seen, err := read(event)
	var reason irrelevant
	if errors.As(err, &reason) {
		return handler.Ignored("%s", reason)
	}
	if err != nil {
		return nil, err
	}
	rules, err := configuredRules()
	if err != nil {
		return nil, err
	}
	return follow(seen, rules, event.Received.UnixMilli()/1000)
}

// follow adds an observation to the facts about its subscription, and acts on the difference.
// received is the time at which the gateway received the event.
func follow(seen *observation, rules rules, received int64) (handler.Outcome, error) {
	key := "subscription/" + seen.subscription
	// Both are read, so that no change of one shows in the other.
	before, err := storedFacts(key)
	if err != nil {
		return nil, err
	}
	after, err := storedFacts(key)
	if err != nil {
		return nil, err
	}
	after.learn(seen)
	if same, err := before.equal(after); err != nil {
		return nil, err
	} else if same {
		return handler.Ignored("nothing new: the facts contain this event, or a later one")
	}

	change := changeOf(seen, before, after, rules)
	if err := change.act(); err != nil {
		return nil, err
	}
	if err := plan(seen.subscription, after, rules, received); err != nil {
		return nil, err
	}
	if err := handler.State.SetJSON(key, after); err != nil {
		return nil, err
	}
	handler.Info("subscription", "id", seen.subscription, "was", change.before, "is", change.after)
	return handler.Done()
}

// storedFacts returns the facts of the state. Without an event so far, nothing is known.
func storedFacts(key string) (*facts, error) {
	known := &facts{Invoices: []*invoice{}}
	_, err := handler.State.GetJSON(key, known)
	return known, err
}

// equal returns whether the facts are the same: their text in the state tells.
func (f *facts) equal(other *facts) (bool, error) {
	ours, err := handler.JSON(f)
	if err != nil {
		return false, err
	}
	theirs, err := handler.JSON(other)
	return bytes.Equal(ours, theirs), err
}
