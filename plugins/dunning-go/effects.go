package main

import (
	"tollgate/handler"
)

// change is the change that one event makes to a subscription. The effects follow from it.
type change struct {
	seen *observation
	// facts are the facts after the event.
	facts *facts
	// before and after are the phases before and after the event.
	before, after phase
	// reminders are the invoices to remind the customer of now.
	reminders []reminder
	// action is the invoice whose payment waits for the customer since this event, if there is one.
	action *invoice
	// recovered says that a payment ends the debts of a subscription.
	recovered bool
	// cause is an invoice that causes the phase after the event, if an invoice causes it.
	cause *invoice
}

// reminder is an invoice with the level of its reminder.
type reminder struct {
	of    *invoice
	level uint32
}

// mail is a request for a mail.
type mail struct {
	Template     string  `json:"template"`
	Subscription string  `json:"subscription"`
	Customer     *string `json:"customer"`
	// To is the customer's address. A mail without one is not sent.
	To        *string `json:"to"`
	Level     *uint32 `json:"level,omitempty"`
	SuspendAt *int64  `json:"suspend_at,omitempty"`
	// Invoice is the id of the invoice that the mail is about, if it is about one.
	Invoice  *string `json:"invoice,omitempty"`
	Amount   *int64  `json:"amount,omitempty"`
	Currency *string `json:"currency,omitempty"`
	PayURL   *string `json:"pay_url,omitempty"`
}

// accessChange is a request to suspend or to restore the access.
type accessChange struct {
	Subscription string  `json:"subscription"`
	Customer     *string `json:"customer"`
	Access       string  `json:"access"`
}

// phaseChanged is the payload of an emitted event.
type phaseChanged struct {
	Subscription string  `json:"subscription"`
	Customer     *string `json:"customer"`
	// Was is the phase before the change.
	Was string `json:"was"`
}

// changeOf returns the change from the facts before the event to the facts after it.
func changeOf(seen *observation, known, now *facts, rules rules) *change {
	c := &change{
		seen:   seen,
		facts:  now,
		before: phaseOf(known, rules),
		after:  phaseOf(now, rules),
	}
	c.recovered = c.after.kind == isActive && isPaid(seen, known, c.before)
	if c.after.kind != isCanceled {
		c.action = actionOf(seen, known, now)
	}
	for _, owed := range now.owing() {
		level := rules.level(owed, now.Clock)
		if level > levelOf(known, owed.ID, rules) {
			c.reminders = append(c.reminders, reminder{owed, level})
		}
		if c.cause == nil && phaseOfInvoice(owed, now.Clock, rules) == c.after {
			c.cause = owed
		}
	}
	return c
}

// levelOf returns the number of reminders that an invoice called for so far.
func levelOf(known *facts, id string, rules rules) uint32 {
	if before := known.invoice(id); before != nil {
		return rules.level(before, known.Clock)
	}
	return 0
}

// actionOf returns the invoice of the event, if its payment waits for the customer since this
// event. News of an attempt that is known to have failed since are too late.
func actionOf(seen *observation, known, now *facts) *invoice {
	if seen.invoice == nil {
		return nil
	}
	after := now.invoice(seen.invoice.id)
	if after == nil {
		return nil
	}
	var asked uint32
	if before := known.invoice(after.ID); before != nil {
		asked = before.Action
	}
	if after.Action > asked && after.Action >= after.Failures.Attempts {
		return after
	}
	return nil
}

// isPaid returns whether the event shows that a debt was paid. A voided invoice was not, and a
// healthy subscription alone does not say so: Stripe reports the payment by an event of its own,
// before or after.
func isPaid(seen *observation, known *facts, before phase) bool {
	switch seen.fact.kind {
	case paid:
		invoice := known.invoice(seen.invoice.id)
		return invoice != nil && invoice.isTroubled(known.Clock)
	case statusTold:
		return before.kind == isSuspended && known.paidSinceUnpaid()
	}
	return false
}

// act sends the mails, requests and events that the change calls for.
func (c *change) act() error {
	restored := c.before.kind == isSuspended && c.after.compare(c.before) < 0
	steps := append(c.ofPhase(), c.ofAction()...)
	if restored {
		steps = append(steps, c.access("restored"))
	}
	if c.recovered {
		steps = append(steps, c.mail(c.template("payment_recovered")),
			c.event("subscription.recovered"))
	} else if restored {
		steps = append(steps, c.event("subscription.restored"))
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// step is an effect that is still to be done.
type step func() error

// ofPhase returns the effects of the phase after the event.
func (c *change) ofPhase() []step {
	switch c.after.kind {
	case isReminded:
		var reminders []step
		for _, reminder := range c.reminders {
			mail := c.template("payment_reminder").about(reminder.of)
			mail.Level = &reminder.level
			reminders = append(reminders, c.mail(mail))
		}
		return reminders
	case inGrace:
		if c.before.kind < inGrace {
			mail := c.template("payment_grace").about(c.cause)
			mail.SuspendAt = &c.after.until
			return []step{c.mail(mail)}
		}
	case isSuspended:
		if c.before != c.after {
			return []step{
				c.access("suspended"),
				c.mail(c.template("payment_suspended").about(c.cause)),
				c.event("subscription.suspended"),
			}
		}
	case isCanceled:
		if c.before != c.after {
			return []step{c.event("subscription.canceled")}
		}
	}
	return nil
}

// ofAction returns the effects of a payment that waits for the customer.
func (c *change) ofAction() []step {
	if c.action == nil {
		return nil
	}
	return []step{c.mail(c.template("payment_action_required").about(c.action))}
}

// template returns a mail with the fields of the subscription, without those of an invoice.
func (c *change) template(name string) mail {
	return mail{
		Template:     name,
		Subscription: c.seen.subscription,
		Customer:     c.facts.customer(),
		To:           c.facts.email(),
	}
}

// about returns the mail with the fields of an invoice, if there is one.
func (m mail) about(of *invoice) mail {
	if of == nil {
		return m
	}
	m.Invoice = &of.ID
	if bill := of.bill(); bill != nil {
		m.Amount = &bill.Amount
		m.Currency = &bill.Currency
		m.PayURL = bill.PayURL
	}
	return m
}

// mail sends a mail, if the customer's address is known.
func (c *change) mail(m mail) step {
	return func() error {
		url, err := handler.RequireConfig("mail_url")
		if err != nil {
			return err
		}
		if m.To == nil {
			handler.Warn("no mail was sent: Stripe has no address of the customer",
				"template", m.Template,
				"subscription", m.Subscription,
				"customer", orEmpty(m.Customer))
			return nil
		}
		return c.post(url, m)
	}
}

// access asks the service that grants access to suspend or to restore the access.
func (c *change) access(access string) step {
	return func() error {
		url, found := handler.Config("access_url")
		if !found {
			return nil
		}
		return c.post(url, accessChange{c.seen.subscription, c.facts.customer(), access})
	}
}

// post sends a request. Those about one subscription go out in order.
func (c *change) post(url string, body any) error {
	_, err := handler.Outbox.Send(handler.Request{
		URL:      url,
		JSON:     body,
		OrderKey: c.seen.subscription,
	})
	return err
}

// event emits an event for other handlers.
func (c *change) event(kind string) step {
	return func() error {
		_, err := handler.Emit(handler.NewEvent{
			Kind:    kind,
			Subject: c.seen.subscription,
			JSON:    phaseChanged{c.seen.subscription, c.facts.customer(), c.before.String()},
		})
		return err
	}
}

func orEmpty(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
