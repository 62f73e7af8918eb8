package main

import (
	"time"

	"tollgate/handler"
)

// The changes that time alone brings: the next reminder, a due date, the end of the grace period.
//
// A subscription has at most one entry in the handler's schedule. The entry is due at the next time
// at which the phase changes without an event. Like the phase, the entry follows from the facts, so
// the order of events does not change it. A subscription without an open invoice has no entry.

// longestDelay is the longest delay of an entry: 365 days. The gateway schedules at most 400 days
// ahead.
const longestDelay = 365 * day

// plan schedules an event for the next time at which time alone changes the phase of the
// subscription. It cancels the scheduled event if there is no such time.
func plan(subscription string, known *facts, rules rules, received int64) error {
	key := "subscription/" + subscription
	next := nextChange(known, rules)
	if next == nil {
		return handler.Schedule.Cancel(key)
	}
	at := max(min(*next, plus(received, longestDelay)), 0)
	return handler.Schedule.At(key, time.Unix(at, 0), handler.NewEvent{
		Kind:    dueKind,
		Subject: subscription,
		JSON:    due{&subscription},
	})
}

// nextChange returns the next time at which time alone changes the phase, if there is one.
func nextChange(known *facts, rules rules) *int64 {
	if now := phaseOf(known, rules).kind; now == isSuspended || now == isCanceled {
		return nil
	}
	var next *int64
	for _, invoice := range known.Invoices {
		if due := invoice.terms().due; !invoice.Settled && due != nil && *due > known.Clock {
			next = earliest(next, due)
		}
	}
	for _, invoice := range known.owing() {
		next = earliest(next, nextChangeOf(invoice, known.Clock, rules))
	}
	return next
}

// nextChangeOf returns the next time at which time alone changes the phase because of one owed
// invoice, if there is one.
func nextChangeOf(owed *invoice, clock int64, rules rules) *int64 {
	next := rules.graceSince(owed)
	if next != nil && *next <= clock {
		end := plus(*next, rules.grace)
		next = &end
	} else {
		next = earliest(next, rules.reached(owed, int64(rules.level(owed, clock))+1))
	}
	if next == nil || *next <= clock {
		return nil
	}
	return next
}
