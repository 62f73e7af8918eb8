package main

import (
	"encoding/json"
	"errors"
	"strings"

	"tollgate/handler"
	"tollgate/handler/stripe"
)

// dueKind is the type of the events that the handler schedules for itself.
const dueKind = "dunning.due"

// due is the payload of a scheduled event.
type due struct {
	Subscription *string `json:"subscription"`
}

// irrelevant is the reason why an event does not matter to this handler.
type irrelevant string

func (reason irrelevant) Error() string { return string(reason) }

// observation is the contents of one event about a subscription, in one form for all of Stripe's
// objects.
type observation struct {
	// subscription is the subscription's id.
	subscription string
	// customer is the customer's id, if the event names it.
	customer *string
	// at is the time at which the event happened: seconds since the Unix epoch.
	at int64
	// invoice is the invoice that the event is about, if it is about one.
	invoice *describedInvoice
	// fact is the fact that the event reports.
	fact fact
}

// fact is the fact that an event reports.
type fact struct {
	kind factKind
	// attempt is the number of the attempt that failed or waits for the customer, from 1 on.
	attempt uint32
	// last says that Stripe tries no more after the failed attempt.
	last bool
	// status is the status of the subscription.
	status status
}

type factKind uint8

const (
	// timePassed: time has passed, and nothing else happened.
	timePassed factKind = iota
	// failed: an attempt to collect the invoice failed.
	failed
	// billed: the invoice is open, and the customer pays it by themselves.
	billed
	// actionRequired: an attempt to collect the invoice waits for the customer, such as for 3-D
	// Secure.
	actionRequired
	// paid: the invoice was paid.
	paid
	// voided: nobody has to pay the invoice.
	voided
	// writtenOff: nobody expects the invoice to be paid.
	writtenOff
	// statusTold: the subscription has a status.
	statusTold
	// deleted: the subscription has ended for good.
	deleted
)

// describedInvoice is an invoice as an event describes it.
type describedInvoice struct {
	id    string
	email *string
	bill  bill
	terms terms
}

// bill is the amount and the payment page of an invoice, for mails.
type bill struct {
	// Amount is the amount that is still owed, in the currency's minor unit.
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
	// PayURL is the URL of Stripe's payment page.
	PayURL *string `json:"pay_url"`
}

// terms is the way in which an invoice is paid. The zero value is automatic: Stripe charges the
// customer's payment method.
type terms struct {
	// byCustomer says that the customer pays by themselves.
	byCustomer bool
	// due is the time until which the customer pays; nil if no event has told the time yet.
	due *int64
}

// automatic is the text of automatic terms in the state.
const automatic = "automatic"

// termsByCustomer is the form of other terms in the state.
type termsByCustomer struct {
	By *int64 `json:"by"`
}

// MarshalJSON writes "automatic" or {"by": TIME}.
func (t terms) MarshalJSON() ([]byte, error) {
	if t.byCustomer {
		return handler.JSON(termsByCustomer{t.due})
	}
	return handler.JSON(automatic)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (t *terms) UnmarshalJSON(text []byte) error {
	var name string
	if json.Unmarshal(text, &name) == nil {
		if name != automatic {
			return errors.New("unknown terms " + name)
		}
		*t = terms{}
		return nil
	}
	var by termsByCustomer
	err := json.Unmarshal(text, &by)
	*t = terms{byCustomer: true, due: by.By}
	return err
}

// status is a subscription's status at Stripe. Stripe's clock counts whole seconds. Of two updates
// within the same second, the greater status counts as the later one, so the values stand in the
// order in which a status usually changes.
type status uint8

const (
	incomplete status = iota
	trialing
	active
	paused
	pastDue
	unpaid
	incompleteExpired
	canceled
	// otherStatus is a status that this handler does not know.
	otherStatus
)

var statusNames = [...]string{
	incomplete:        "incomplete",
	trialing:          "trialing",
	active:            "active",
	paused:            "paused",
	pastDue:           "past_due",
	unpaid:            "unpaid",
	incompleteExpired: "incomplete_expired",
	canceled:          "canceled",
	otherStatus:       "other",
}

// MarshalText writes Stripe's name.
func (s status) MarshalText() ([]byte, error) { return []byte(statusNames[s]), nil }

// UnmarshalText reads Stripe's name.
func (s *status) UnmarshalText(text []byte) error {
	*s = otherStatus
	for known, name := range statusNames {
		if name == string(text) {
			*s = status(known)
		}
	}
	return nil
}

// read reads an event. The error is irrelevant if the event does not matter to this handler.
func read(event handler.Event) (*observation, error) {
	kind := stripe.Kind(event)
	switch kind {
	case dueKind:
		if _, scheduled := event.Scheduled(); scheduled {
			return readTime(event)
		}
	case "invoice.finalized", "invoice.sent", "invoice.updated", "invoice.overdue",
		"invoice.payment_failed", "invoice.payment_action_required",
		"invoice.paid", "invoice.payment_succeeded",
		"invoice.voided", "invoice.marked_uncollectible":
		return readInvoice(event)
	case "customer.subscription.updated":
		return readSubscription(event, false)
	case "customer.subscription.deleted":
		return readSubscription(event, true)
	}
	return nil, irrelevant(kind + " does not concern an owed payment")
}

func readTime(event handler.Event) (*observation, error) {
	var due due
	if err := event.Decode(&due); err != nil {
		return nil, err
	}
	if due.Subscription == nil {
		why := "the payload of %s cannot be read: it names no subscription"
		return nil, handler.Reject(why, event.Kind)
	}
	return &observation{
		subscription: *due.Subscription,
		// The receipt is later than the due time if the gateway was down at the due time.
		at:   event.Received.UnixMilli() / 1000,
		fact: fact{kind: timePassed},
	}, nil
}

// subscriptionObject is a subscription of Stripe.
type subscriptionObject struct {
	ID       *string           `json:"id"`
	Customer *stripe.Reference `json:"customer"`
	Status   *status           `json:"status"`
}

func readSubscription(event handler.Event, isDeleted bool) (*observation, error) {
	var subscription subscriptionObject
	envelope, err := stripe.Read(event, &subscription)
	if err != nil {
		return nil, err
	}
	if !envelope.Gone && (subscription.ID == nil || subscription.Status == nil) {
		why := "the payload of %s cannot be read: it has no id or no status"
		return nil, handler.Reject(why, event.Kind)
	}
	if err := otherMode(envelope); err != nil {
		return nil, err
	}
	if envelope.Gone {
		return readGoneSubscription(event, envelope)
	}
	reported := fact{kind: statusTold, status: *subscription.Status}
	if isDeleted || reported.status == canceled || reported.status == incompleteExpired {
		reported = fact{kind: deleted}
	}
	return &observation{
		subscription: *subscription.ID,
		customer:     idOf(subscription.Customer),
		at:           envelope.Created,
		fact:         reported,
	}, nil
}

// readGoneSubscription: a subscription that Stripe no longer has is over.
func readGoneSubscription(event handler.Event, envelope stripe.Event) (*observation, error) {
	if event.Subject == "" {
		return nil, irrelevant(envelope.ID + " names no subscription")
	}
	return &observation{
		subscription: event.Subject,
		at:           envelope.Created,
		fact:         fact{kind: deleted},
	}, nil
}

// otherMode returns an error for an event of the mode that the handler does not act on.
func otherMode(envelope stripe.Event) error {
	reason, err := envelope.OtherMode()
	if err == nil && reason != "" {
		return irrelevant(reason)
	}
	return err
}

// idOf returns the id of another object, if there is one.
func idOf(reference *stripe.Reference) *string { return (*string)(reference) }

// address returns an e-mail address, if the text has one.
func address(text *string) *string {
	if text == nil || strings.TrimSpace(*text) == "" {
		return nil
	}
	return text
}
