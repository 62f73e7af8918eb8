package main

import "math"

// Times are seconds since the Unix epoch, and a pointer to a time is nil if there is none. Sums
// that would overflow end at the greatest or the least number.

// day is the length of a day in seconds.
const day int64 = 24 * 60 * 60

// plus returns a + b.
func plus(a, b int64) int64 {
	switch {
	case b > 0 && a > math.MaxInt64-b:
		return math.MaxInt64
	case b < 0 && a < math.MinInt64-b:
		return math.MinInt64
	}
	return a + b
}

// since returns the seconds from a time to a later one; 0 if the other is not later.
func since(from, to int64) int64 {
	if from >= to {
		return 0
	}
	if from < 0 && to > math.MaxInt64+from {
		return math.MaxInt64
	}
	return to - from
}

// times returns count * length, which both are at least 0.
func times(count, length int64) int64 {
	if length > 0 && count > math.MaxInt64/length {
		return math.MaxInt64
	}
	return count * length
}

// earliest returns the earliest of some times, if there is one.
func earliest(times ...*int64) *int64 {
	var first *int64
	for _, time := range times {
		if time != nil && (first == nil || *time < *first) {
			first = time
		}
	}
	return first
}
