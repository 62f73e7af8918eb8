package main

import (
	"cmp"

	"tollgate/handler"
	"tollgate/handler/stripe"
)

// invoiceObject is an invoice of Stripe. docs/stripe-fields.md says which API versions have which
// fields.
type invoiceObject struct {
	ID            *string           `json:"id"`
	Customer      *stripe.Reference `json:"customer"`
	CustomerEmail *string           `json:"customer_email"`
	// Subscription is a field of API versions before 2025-03-31.
	Subscription *stripe.Reference `json:"subscription"`
	// Parent is a field of API versions since 2025-03-31.
	Parent *struct {
		SubscriptionDetails *struct {
			Subscription *stripe.Reference `json:"subscription"`
		} `json:"subscription_details"`
	} `json:"parent"`
	CollectionMethod *string `json:"collection_method"`
	DueDate          *int64  `json:"due_date"`
	Status           *string `json:"status"`
	AttemptCount     uint32  `json:"attempt_count"`
	// NextPaymentAttempt is null if Stripe tries no more. An absent field says nothing.
	NextPaymentAttempt stripe.Told[int64] `json:"next_payment_attempt"`
	BillingReason      string             `json:"billing_reason"`
	AmountRemaining    int64              `json:"amount_remaining"`
	Currency           string             `json:"currency"`
	HostedInvoiceURL   *string            `json:"hosted_invoice_url"`
}

func readInvoice(event handler.Event) (*observation, error) {
	var object invoiceObject
	envelope, err := stripe.Read(event, &object)
	if err != nil {
		return nil, err
	}
	if !envelope.Gone && object.ID == nil {
		return nil, handler.Reject("the payload of %s cannot be read: it has no id", event.Kind)
	}
	if err := otherMode(envelope); err != nil {
		return nil, err
	}
	if envelope.Gone {
		gone := cmp.Or(event.Subject, "an invoice")
		return nil, irrelevant("Stripe no longer has " + gone)
	}
	kind := envelope.Kind
	if !envelope.Read.IsZero() {
		// The invoice of a thin event may have been settled since.
		kind = object.kindToday(kind)
	}
	return object.observed(kind, envelope.Created)
}

// observed returns what an event of this type tells of the invoice.
func (o *invoiceObject) observed(kind string, at int64) (*observation, error) {
	terms := o.terms()
	if terms.byCustomer && terms.due == nil && kind == "invoice.overdue" {
		// An overdue invoice is due at the latest when Stripe says that it is.
		terms.due = &at
	}
	fact, err := o.fact(kind, terms.byCustomer)
	if err != nil {
		return nil, irrelevant(*o.ID + " " + err.Error())
	}
	subscription := idOf(o.subscription())
	if subscription == nil {
		return nil, irrelevant(*o.ID + " belongs to no subscription")
	}
	return &observation{
		subscription: *subscription,
		customer:     idOf(o.Customer),
		at:           at,
		invoice: &describedInvoice{
			id:    *o.ID,
			email: address(o.CustomerEmail),
			bill:  bill{o.AmountRemaining, o.Currency, o.HostedInvoiceURL},
			terms: terms,
		},
		fact: fact,
	}, nil
}

// subscription returns the subscription of the invoice, from either of its places.
func (o *invoiceObject) subscription() *stripe.Reference {
	if o.Subscription == nil && o.Parent != nil && o.Parent.SubscriptionDetails != nil {
		return o.Parent.SubscriptionDetails.Subscription
	}
	return o.Subscription
}

// terms returns the way in which the invoice is paid. Only an invoice that the customer pays by
// themselves has a due date.
func (o *invoiceObject) terms() terms {
	sent := o.CollectionMethod != nil && *o.CollectionMethod == "send_invoice"
	if sent || o.CollectionMethod == nil && o.DueDate != nil {
		return terms{byCustomer: true, due: o.DueDate}
	}
	return terms{}
}

// kindToday returns the type of the event that tells the state in which the invoice is now, if the
// invoice is settled or written off, and kind otherwise.
func (o *invoiceObject) kindToday(kind string) string {
	if o.Status == nil {
		return kind
	}
	switch *o.Status {
	case "paid":
		return "invoice.paid"
	case "void":
		return "invoice.voided"
	case "uncollectible":
		return "invoice.marked_uncollectible"
	}
	return kind
}

// fact returns the fact that an event about this invoice reports. The error is the reason why the
// event reports none.
func (o *invoiceObject) fact(kind string, byCustomer bool) (fact, error) {
	switch kind {
	case "invoice.paid", "invoice.payment_succeeded":
		return fact{kind: paid}, nil
	case "invoice.voided":
		return fact{kind: voided}, nil
	case "invoice.marked_uncollectible":
		return fact{kind: writtenOff}, nil
	case "invoice.payment_failed", "invoice.payment_action_required":
		return o.attempted(kind, byCustomer)
	}
	if !byCustomer {
		return fact{}, irrelevant("is collected by Stripe, and no attempt has failed")
	}
	if o.Status != nil && *o.Status != "open" {
		return fact{}, irrelevant("is not open")
	}
	return fact{kind: billed}, nil
}

// attempted returns the fact that an event about an attempt to collect the invoice reports.
func (o *invoiceObject) attempted(kind string, byCustomer bool) (fact, error) {
	if !byCustomer && o.BillingReason == "subscription_create" {
		return fact{}, irrelevant("is the first invoice of its subscription: the customer is at " +
			"the checkout")
	}
	attempt := max(o.AttemptCount, 1)
	if kind == "invoice.payment_failed" {
		last := !byCustomer && o.NextPaymentAttempt.Is && o.NextPaymentAttempt.Value == nil
		return fact{kind: failed, attempt: attempt, last: last}, nil
	}
	if byCustomer {
		return fact{}, irrelevant("is paid by the customer, who is there")
	}
	return fact{kind: actionRequired, attempt: attempt}, nil
}
