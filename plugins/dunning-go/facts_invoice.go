package main

import (
	"cmp"
	"slices"
	"strings"

	"tollgate/handler"
)

// invoice is the facts about one invoice.
type invoice struct {
	ID string `json:"id"`
	// Settled says that nobody has to pay the invoice any more.
	Settled bool `json:"settled"`
	// Voided says that the invoice was voided.
	Voided bool `json:"voided"`
	// At is the time of the latest event about the invoice.
	At int64 `json:"at"`
	// Terms is the way in which the invoice is paid; nil once it is settled.
	Terms *dated[terms] `json:"terms"`
	// WrittenOff is the earliest time at which the invoice was written off; nil once it is settled.
	WrittenOff *int64 `json:"written_off"`
	// Action is the greatest number of an attempt that waited for the customer; 0 once the invoice
	// is settled.
	Action uint32 `json:"action"`
	// Bill is the amount and the payment page; nil once the invoice is settled.
	Bill     *dated[bill] `json:"bill"`
	Failures failures     `json:"failures"`
}

// failures are the failed attempts to collect an invoice.
type failures struct {
	// Attempts is the greatest observed attempt number, counted from 1; 0 without attempts.
	Attempts uint32 `json:"attempts"`
	// Latest is the time of the latest failed attempt.
	Latest int64 `json:"latest"`
	// Reached has the earliest observed time of each attempt number, sorted by number.
	Reached []attempt `json:"reached"`
	// Last is the time at which Stripe announced the last attempt, if it did.
	Last *int64 `json:"last"`
}

// attempt is a failed attempt: its number and its earliest observed time.
type attempt struct {
	number uint32
	at     int64
}

// MarshalJSON writes [number, time].
func (a attempt) MarshalJSON() ([]byte, error) { return handler.JSON([]any{a.number, a.at}) }

// UnmarshalJSON reads [number, time].
func (a *attempt) UnmarshalJSON(text []byte) error { return readPair(text, &a.number, &a.at) }

// learn adds the contents of an event about the invoice.
func (i *invoice) learn(seen *observation) {
	i.At = max(i.At, seen.at)
	i.Bill = latest(i.Bill, seen.at, seen.invoice.bill, compareBills)
	i.Terms = latest(i.Terms, seen.at, seen.invoice.terms, compareTerms)
	switch seen.fact.kind {
	case paid:
		i.Settled = true
	case voided:
		i.Settled = true
		i.Voided = true
	case writtenOff:
		i.WrittenOff = earliest(i.WrittenOff, &seen.at)
	case actionRequired:
		i.Action = max(i.Action, seen.fact.attempt)
	case failed:
		i.Failures.add(seen.fact, seen.at)
	}
	if i.Settled {
		i.forgetDetails()
	}
}

// bill returns the amount and the payment page, if they are known.
func (i *invoice) bill() *bill {
	if i.Bill == nil {
		return nil
	}
	return &i.Bill.value
}

// terms returns the way in which the invoice is paid.
func (i *invoice) terms() terms {
	if i.Terms == nil {
		return terms{}
	}
	return i.Terms.value
}

// isTroubled returns whether the invoice should have been paid at a time: a payment failed, the due
// date has passed, or it was written off.
func (i *invoice) isTroubled(clock int64) bool {
	terms := i.terms()
	switch {
	case i.Settled:
		return false
	case i.WrittenOff != nil:
		return true
	case terms.byCustomer:
		return terms.due != nil && *terms.due <= clock
	}
	return i.Failures.Attempts > 0
}

// forgetDetails drops the details of a settled invoice. Nothing can make it owed again.
func (i *invoice) forgetDetails() {
	i.Failures = noFailures()
	i.Bill = nil
	i.Terms = nil
	i.WrittenOff = nil
	i.Action = 0
}

func noFailures() failures { return failures{Reached: []attempt{}} }

// first returns the time of the earliest observed failure, if there is one.
func (f *failures) first() *int64 { return f.firstBeyond(0) }

// exhausted returns the time at which the attempts exceeded a number of reminders or Stripe
// announced the last attempt, whichever came first.
func (f *failures) exhausted(reminders uint32) *int64 {
	return earliest(f.firstBeyond(reminders), f.Last)
}

// firstBeyond returns the earliest time of an attempt with a greater number.
func (f *failures) firstBeyond(number uint32) *int64 {
	var first *int64
	for _, reached := range f.Reached {
		if reached.number > number {
			first = earliest(first, &reached.at)
		}
	}
	return first
}

// add adds a failed attempt.
func (f *failures) add(of fact, at int64) {
	f.Attempts = max(f.Attempts, of.attempt)
	f.Latest = max(f.Latest, at)
	place, known := slices.BinarySearchFunc(f.Reached, of.attempt, attempt.compare)
	if known {
		f.Reached[place].at = min(f.Reached[place].at, at)
	} else {
		f.Reached = slices.Insert(f.Reached, place, attempt{of.attempt, at})
	}
	if of.last {
		f.Last = earliest(f.Last, &at)
	}
}

func (a attempt) compare(number uint32) int { return cmp.Compare(a.number, number) }

func compareBills(a, b bill) int {
	return cmp.Or(
		cmp.Compare(a.Amount, b.Amount),
		strings.Compare(a.Currency, b.Currency),
		compareOptions(a.PayURL, b.PayURL, strings.Compare),
	)
}

// compareTerms: automatic terms are less than others.
func compareTerms(a, b terms) int {
	if a.byCustomer != b.byCustomer {
		if b.byCustomer {
			return -1
		}
		return +1
	}
	return compareOptions(a.due, b.due, cmp.Compare[int64])
}
