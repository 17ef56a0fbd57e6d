package grant

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
)

// callKind sorts what came of a call to Datadog.
type callKind int

const (
	// callUnanswered: the request may have taken effect.
	callUnanswered callKind = iota
	// callUnsent: the request never left, so nothing happened.
	callUnsent
	// callInvalidGrant: RFC 6749 invalid_grant.
	callInvalidGrant
	// callClientRejected: invalid_client or a 401 of the token endpoint.
	callClientRejected
	// callClientDisabled: the customer's organisation does not admit the client any more.
	callClientDisabled
	// callForbidden, callConflict, callThrottled: 403, 409, 429.
	callForbidden
	callConflict
	callThrottled
	// callRefused: any other answer that says no.
	callRefused
)

// callError is one failed call to Datadog. Its text holds nothing of a body but what refusalText reads in it.
type callError struct {
	kind        callKind
	doing       string // "exchange the authorization code at api.datadoghq.eu"
	status      int    // 0: no answer
	code        string // RFC 6749 "error"
	description string // what else the answer says
	advice      string
	cause       error // of a call without an answer
	// othersRefresh says of callClientDisabled that the client's other organisations refresh.
	othersRefresh bool
}

func (e *callError) Error() string {
	var b strings.Builder
	b.WriteString(e.doing)
	if e.status != 0 {
		fmt.Fprintf(&b, ": %d", e.status)
	}
	if e.code != "" {
		fmt.Fprintf(&b, ": %s", e.code)
	}
	if e.description != "" {
		fmt.Fprintf(&b, ": %s", e.description)
	}
	if e.cause != nil {
		fmt.Fprintf(&b, ": %s", e.cause)
	}
	if e.advice != "" {
		fmt.Fprintf(&b, ": %s", e.advice)
	}
	return b.String()
}

func (e *callError) Unwrap() error { return e.cause }

// kindOf is the kind of a callError; any other error is one of a call whose end is not known.
func kindOf(err error) callKind {
	var call *callError
	if errors.As(err, &call) {
		return call.kind
	}
	return callUnanswered
}

// watchSent returns a context under which a call tells whether its headers were written, so that Datadog may have them.
func watchSent(ctx context.Context) (context.Context, *atomic.Bool) {
	var sent atomic.Bool
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }}), &sent
}

// noAnswer is the error of a call that ended without an answer.
func noAnswer(doing string, sent *atomic.Bool, err error) *callError {
	kind := callUnanswered
	if !sent.Load() {
		kind = callUnsent
	}
	return &callError{kind: kind, doing: doing, cause: netCause(err)}
}
