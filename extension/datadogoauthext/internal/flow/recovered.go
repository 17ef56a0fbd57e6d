package flow

import (
	"fmt"
	"net/http"
	"runtime/debug"

	"go.uber.org/zap"
)

// recovered answers for a handler that panicked: with a page, and with an address that holds nothing of Datadog's answer or a ticket. Package
// net/http would close the connection. Handlers write once, when they are done, so that nothing was sent before.
//
// The log gets neither the address nor the form, which hold secrets; in the stack are addresses of memory.
func (f *Flow) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			fault := recover()
			switch {
			case fault == nil:
				return
			case fault == http.ErrAbortHandler: //nolint:errorlint // as package net/http compares it
				panic(fault)
			}
			f.Logger.Error("A page panicked, which is a fault of this program", zap.String("panic", fmt.Sprint(fault)), zap.ByteString("stack", debug.Stack()))
			if r.Method == http.MethodGet && (f.isCallback(r) || f.isTicket(r)) {
				f.toFailure(w, r, "internal", f.way(r))
				return
			}
			f.fail(w, r, "internal", f.way(r))
		}()
		next.ServeHTTP(w, r)
	})
}
