package main

import (
	"cmp"
	"fmt"
	"math"
	"strconv"

	"tollgate/handler"
)

// rules are the handler's config for reminders and the grace period.
type rules struct {
	// reminders is the number of reminders before the grace period begins.
	reminders uint32
	// interval is the time without a payment after which the next reminder goes out although no
	// other attempt failed, in seconds; 0 for never.
	interval int64
	// grace is the length of the grace period in seconds.
	grace int64
}

// configuredRules reads the rules from the handler's config.
func configuredRules() (rules, error) {
	graceDays, err := configuredNumber("grace_days", 7)
	if err != nil {
		return rules{}, err
	}
	remindDays, err := configuredNumber("remind_days", 3)
	if err != nil {
		return rules{}, err
	}
	reminders, err := configuredNumber("reminders", 3)
	return rules{
		reminders: reminders,
		interval:  int64(remindDays) * day,
		grace:     int64(graceDays) * day,
	}, err
}

func configuredNumber(key string, otherwise uint32) (uint32, error) {
	text, found := handler.Config(key)
	if !found {
		return otherwise, nil
	}
	number, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, handler.Reject("`%s` in `config` is a whole number from 0 on, not %q", key, text)
	}
	return uint32(number), nil
}

// level returns the number of reminders that an invoice calls for at a time: one for each failed
// attempt, or one for each interval since the first failure, whichever is more. An invoice that the
// customer pays by themselves calls for none: its grace period begins when it is due.
func (r rules) level(of *invoice, clock int64) uint32 {
	if of.terms().byCustomer {
		return 0
	}
	var intervals int64
	if first := of.Failures.first(); first != nil && r.interval > 0 {
		intervals = since(*first, clock)/r.interval + 1
	}
	return max(of.Failures.Attempts, uint32(min(intervals, math.MaxUint32)))
}

// reached returns the time at which time alone calls for this number of reminders, counted from 1.
func (r rules) reached(of *invoice, level int64) *int64 {
	first := of.Failures.first()
	if of.terms().byCustomer || r.interval == 0 || first == nil {
		return nil
	}
	// A level is a number of 32 bits.
	level = min(level, math.MaxUint32)
	at := plus(*first, times(max(level-1, 0), r.interval))
	return &at
}

// graceSince returns the time at which the grace period begins or began: after the last reminder,
// or when Stripe announced its last attempt, whichever comes first. The grace period of an invoice
// that the customer pays by themselves begins at its due date.
func (r rules) graceSince(of *invoice) *int64 {
	if terms := of.terms(); terms.byCustomer {
		return terms.due
	}
	byTime := r.reached(of, int64(r.reminders)+1)
	return earliest(byTime, of.Failures.exhausted(r.reminders))
}

// phase is the phase of a subscription. It follows from the facts alone.
type phase struct {
	kind phaseKind
	// level is the highest level of a reminder, in the phase reminded.
	level uint32
	// until is the time at which access ends, in the phase grace.
	until int64
}

// phaseKind is the kind of a phase, from good to bad.
type phaseKind uint8

const (
	// isActive: nothing is owed.
	isActive phaseKind = iota
	// isReminded: the customer was reminded.
	isReminded
	// inGrace: no more reminders; access ends at a time.
	inGrace
	// isSuspended: access has ended until all invoices are paid.
	isSuspended
	// isCanceled: the subscription has ended for good.
	isCanceled
)

var phaseNames = [...]string{
	isActive:    "active",
	isReminded:  "reminded",
	inGrace:     "grace",
	isSuspended: "suspended",
	isCanceled:  "canceled",
}

// phaseOf returns the phase of a subscription.
func phaseOf(known *facts, rules rules) phase {
	if known.Deleted {
		return phase{kind: isCanceled}
	}
	if known.isUnpaid() {
		return phase{kind: isSuspended}
	}
	var worst phase
	for _, invoice := range known.owing() {
		worst = worst.worse(phaseOfInvoice(invoice, known.Clock, rules))
	}
	return worst
}

// phaseOfInvoice returns the phase of a subscription that owes this invoice alone.
func phaseOfInvoice(of *invoice, clock int64, rules rules) phase {
	if of.WrittenOff != nil {
		return phase{kind: isSuspended}
	}
	begins := rules.graceSince(of)
	if begins == nil || *begins > clock {
		return phase{kind: isReminded, level: rules.level(of, clock)}
	}
	until := plus(*begins, rules.grace)
	if clock >= until {
		return phase{kind: isSuspended}
	}
	return phase{kind: inGrace, until: until}
}

// worse returns the worse of two phases. Of two grace periods, the one that ends first is worse.
func (p phase) worse(other phase) phase {
	bothInGrace := p.kind == inGrace && other.kind == inGrace
	switch {
	case bothInGrace && other.until > p.until:
		return p
	case bothInGrace || p.compare(other) < 0:
		return other
	}
	return p
}

// compare returns -1, 0 or +1: a phase is less than a worse one, and a grace period is less than
// one that ends later.
func (p phase) compare(other phase) int {
	return cmp.Or(
		cmp.Compare(p.kind, other.kind),
		cmp.Compare(p.level, other.level),
		cmp.Compare(p.until, other.until),
	)
}

// String returns the phase as logs and events name it.
func (p phase) String() string {
	if p.kind == isReminded {
		return fmt.Sprintf("%s(%d)", phaseNames[p.kind], p.level)
	}
	return phaseNames[p.kind]
}
