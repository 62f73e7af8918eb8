package main

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// remember is the time for which the facts keep a settled invoice: 90 days. A late failure of a
// kept invoice is recognised as late. Stripe resends for 3 days and lets an operator resend for 30
// days; the gateway keeps events for 35 days.
const remember = 90 * day

// facts are the facts about one subscription. The state keeps them under subscription/ID. The final
// facts depend neither on the order in which events arrive nor on how often each event arrives.
//
// The reason: each field only grows, in an order of its own. A field is a greatest time, a greatest
// number of attempts, a least start of grace, the value of the latest time, or a mark that stays.
type facts struct {
	// Clock is the latest time among all observed events and all scheduled wake-ups.
	Clock int64 `json:"clock"`
	// Customer is the customer's id.
	Customer *dated[string] `json:"customer"`
	// Email is the customer's e-mail address.
	Email *dated[string] `json:"email"`
	// Status is the latest status.
	Status *dated[status] `json:"status"`
	// Deleted says that the subscription has ended.
	Deleted bool `json:"deleted"`
	// Invoices are the invoices that events told of, open and settled, sorted by id.
	Invoices []*invoice `json:"invoices"`
}

// learn adds the contents of an event.
func (f *facts) learn(seen *observation) {
	if f.tooLate(seen) {
		return
	}
	f.Clock = max(f.Clock, seen.at)
	if seen.customer != nil {
		f.Customer = latest(f.Customer, seen.at, *seen.customer, strings.Compare)
	}
	if of := seen.invoice; of != nil {
		if of.email != nil {
			f.Email = latest(f.Email, seen.at, *of.email, strings.Compare)
		}
		f.invoiceOf(seen).learn(seen)
	}
	switch seen.fact.kind {
	case deleted:
		f.Deleted = true
	case statusTold:
		f.Status = latest(f.Status, seen.at, seen.fact.status, cmp.Compare[status])
	}
	f.forget()
}

// owing returns the owed invoices: a payment failed, or the due date has passed, or the invoice was
// written off; and the invoice is not settled.
func (f *facts) owing() []*invoice {
	var owed []*invoice
	for _, invoice := range f.Invoices {
		if f.isOwing(invoice) {
			owed = append(owed, invoice)
		}
	}
	return owed
}

// invoice returns an invoice, owed or not; nil if no event told of it.
func (f *facts) invoice(id string) *invoice {
	at, found := f.find(id)
	if !found {
		return nil
	}
	return f.Invoices[at]
}

// customer returns the customer's id, if an event told it.
func (f *facts) customer() *string { return valueOf(f.Customer) }

// email returns the customer's e-mail address, if an event told it.
func (f *facts) email() *string { return valueOf(f.Email) }

func valueOf(known *dated[string]) *string {
	if known == nil {
		return nil
	}
	return &known.value
}

// isUnpaid returns whether Stripe has given up on the debts of the subscription.
func (f *facts) isUnpaid() bool { return f.Status != nil && f.Status.value == unpaid }

// paidSinceUnpaid returns whether an invoice was paid after Stripe had called the subscription
// unpaid.
func (f *facts) paidSinceUnpaid() bool {
	return f.isUnpaid() && slices.ContainsFunc(f.Invoices, func(known *invoice) bool {
		return known.Settled && !known.Voided && known.At >= f.Status.at
	})
}

// isOwing returns whether an invoice is owed. A later report of a healthy subscription ends a debt
// that Stripe collects or that was written off. It says nothing about an invoice that the customer
// pays by themselves: Stripe looks at the latest invoice alone.
func (f *facts) isOwing(known *invoice) bool {
	if !known.isTroubled(f.Clock) {
		return false
	}
	var healthyAt int64 = math.MinInt64
	if f.Status != nil && (f.Status.value == active || f.Status.value == trialing) {
		healthyAt = f.Status.at
	}
	switch {
	case known.WrittenOff != nil:
		return healthyAt <= *known.WrittenOff
	case known.terms().byCustomer:
		return true
	}
	return healthyAt <= known.Failures.Latest
}

func (f *facts) find(id string) (int, bool) {
	return slices.BinarySearchFunc(f.Invoices, id, func(known *invoice, id string) int {
		return strings.Compare(known.ID, id)
	})
}

// invoiceOf returns the invoice that an event is about, which may be new.
func (f *facts) invoiceOf(seen *observation) *invoice {
	at, found := f.find(seen.invoice.id)
	if !found {
		added := &invoice{ID: seen.invoice.id, At: seen.at, Failures: noFailures()}
		f.Invoices = slices.Insert(f.Invoices, at, added)
	}
	return f.Invoices[at]
}

// tooLate returns whether an event is about an invoice that the facts may have dropped already.
func (f *facts) tooLate(seen *observation) bool {
	if seen.invoice == nil || seen.at >= f.Clock-remember {
		return false
	}
	return f.invoice(seen.invoice.id) == nil
}

func (f *facts) forget() {
	f.Invoices = slices.DeleteFunc(f.Invoices, func(known *invoice) bool {
		return known.Settled && known.At < f.Clock-remember
	})
}
