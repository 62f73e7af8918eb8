package handler

import (
	"fmt"
	"time"
)

// Question is a request that the gateway sends while the handler waits. The manifest must grant the
// origin with `immediate = true`. It is no effect: it is sent at each attempt anew.
type Question struct {
	// Method is GET if empty.
	Method string
	// URL is absolute.
	URL string
	// Headers are pairs of name and value.
	Headers [][2]string
	// Body is the bytes of the body.
	Body []byte
	// Timeout is the longest wait; 0 waits for as long as the run may take.
	Timeout time.Duration
}

// Reply is the answer to a Question, of any status. Redirects are answers.
type Reply struct {
	// Status is the status, such as 200 or 404.
	Status int
	// Headers are pairs of name, in lower case, and value.
	Headers [][2]string
	// Body is the whole body.
	Body []byte
}

// NoReply is why a Question has no Reply.
type NoReply struct {
	// Kind is what went wrong.
	Kind NoReplyKind
	// Reason says more.
	Reason string
}

// NoReplyKind is what went wrong with a Question.
type NoReplyKind uint8

const (
	// InvalidQuestion: the request breaks a rule, such as a URL that is not absolute.
	InvalidQuestion NoReplyKind = iota
	// NotGranted: the manifest does not grant the request, or the run has made as many as it may.
	NotGranted
	// TookTooLong: the answer did not come in time.
	TookTooLong
	// Unanswered: the receiver was not reached, or the answer did not come whole. Another attempt
	// may succeed.
	Unanswered
)

func (e *NoReply) Error() string { return e.Reason }

// Timeout reports whether the answer did not come in time, as net.Error has it.
func (e *NoReply) Timeout() bool { return e.Kind == TookTooLong }

// Temporary reports whether another attempt may succeed, as net.Error has it.
func (e *NoReply) Temporary() bool { return e.Kind >= TookTooLong }

// Ask sends a request and waits for the whole answer. An error is a *NoReply. The package
// tollgate/handler/web does the same through net/http.
func Ask(question Question) (*Reply, error) {
	if question.Method == "" {
		question.Method = "GET"
	}
	reply, code, why := ask(question)
	if code != callDone {
		if code > uint8(Unanswered) {
			return nil, fmt.Errorf("unknown error %d of a request", code)
		}
		return nil, &NoReply{Kind: NoReplyKind(code), Reason: why}
	}
	return reply, nil
}
