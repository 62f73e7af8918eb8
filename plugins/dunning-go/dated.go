package main

import (
	"encoding/json"
	"errors"

	"tollgate/handler"
)

// dated is a value with the time of the event that told it. The state has both as [time, value].
type dated[T any] struct {
	at    int64
	value T
}

// MarshalJSON writes [time, value].
func (d dated[T]) MarshalJSON() ([]byte, error) { return handler.JSON([]any{d.at, d.value}) }

// UnmarshalJSON reads [time, value].
func (d *dated[T]) UnmarshalJSON(text []byte) error { return readPair(text, &d.at, &d.value) }

// readPair reads an array of two values.
func readPair(text []byte, first, second any) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(text, &parts); err != nil {
		return err
	}
	if len(parts) != 2 {
		return errors.New("a pair was expected")
	}
	return errors.Join(json.Unmarshal(parts[0], first), json.Unmarshal(parts[1], second))
}

// latest returns the value of the latest event: the one that is known, or the one that an event
// told at a time. Of two values with the same time, the greater one stays.
func latest[T any](known *dated[T], at int64, value T, compare func(T, T) int) *dated[T] {
	if known != nil && (known.at > at || known.at == at && compare(known.value, value) >= 0) {
		return known
	}
	return &dated[T]{at, value}
}

// compareOptions compares two values of which each may be absent. No value is less than any value.
func compareOptions[T any](a, b *T, compare func(T, T) int) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return +1
	}
	return compare(*a, *b)
}
