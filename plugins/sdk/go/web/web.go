// Package web lets net/http send requests through the gateway. To import it is enough:
//
//	import _ "tollgate/handler/web"
//
//	answer, err := http.Get("https://crm.example.com/customers/7")
//
// The manifest grants each origin with `immediate = true`. The gateway resolves names, speaks TLS,
// and adds the credentials of the manifest. There are no other connections: a handler has no
// network of its own.
package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	handler "tollgate/handler"
)

// Transport is an http.RoundTripper that asks through the gateway.
type Transport struct{}

func init() { http.DefaultTransport = Transport{} }

// RoundTrip sends a request and returns the answer, whose body is whole. The deadline of the
// request's context is the longest wait.
func (Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	question, err := questionOf(request)
	if err != nil {
		return nil, err
	}
	reply, err := handler.Ask(question)
	if err != nil {
		var none *handler.NoReply
		if errors.As(err, &none) && none.Timeout() && request.Context().Err() != nil {
			return nil, context.Cause(request.Context())
		}
		return nil, err
	}
	return responseOf(request, reply), nil
}

func questionOf(request *http.Request) (handler.Question, error) {
	question := handler.Question{Method: request.Method, URL: request.URL.String()}
	if request.Body != nil {
		body, err := io.ReadAll(request.Body)
		request.Body.Close()
		if err != nil {
			return question, err
		}
		question.Body = body
	}
	for name, values := range request.Header {
		for _, value := range values {
			question.Headers = append(question.Headers, [2]string{strings.ToLower(name), value})
		}
	}
	if deadline, is := request.Context().Deadline(); is {
		left := time.Until(deadline)
		if left <= 0 {
			return question, context.DeadlineExceeded
		}
		question.Timeout = max(left, time.Millisecond)
	}
	return question, request.Context().Err()
}

func responseOf(request *http.Request, reply *handler.Reply) *http.Response {
	headers := http.Header{}
	for _, pair := range reply.Headers {
		headers.Add(pair[0], pair[1])
	}
	return &http.Response{
		Status:        strconv.Itoa(reply.Status) + " " + http.StatusText(reply.Status),
		StatusCode:    reply.Status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        headers,
		Body:          io.NopCloser(bytes.NewReader(reply.Body)),
		ContentLength: int64(len(reply.Body)),
		Request:       request,
	}
}
