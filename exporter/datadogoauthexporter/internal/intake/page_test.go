package intake_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// TestAPageThatRefusesIsAProxys: nothing is lost by it, and no key is reported, until the request had 20 of them.
func TestAPageThatRefusesIsAProxys(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401, 403, 404, 405, 415, 421, 451} {
		for _, fresh := range []bool{false, true} {
			in := newIntake(t, func(w http.ResponseWriter, _ call, _ int) {
				w.WriteHeader(status)
				_, _ = io.WriteString(w, page)
			})
			b := &books{}
			s, left := sender(in, b), of(intake.Logs, `{"a":1},`)
			for n := range 20 {
				err := s.Send(t.Context(), grant(t, fresh), left)
				var unsent *intake.Unsent
				if !errors.As(err, &unsent) || unsent.Refused || unsent.Down || unsent.Left.Count() != 1 || len(b.dropped) != 0 {
					t.Fatalf("%d, the page number %d: %+v, dropped %v", status, n, unsent, b.dropped)
				}
				if want := min(time.Duration(n), 1) * time.Minute; unsent.Wait != want {
					t.Fatalf("%d, the page number %d: wait %s", status, n, unsent.Wait)
				}
				if !strings.Contains(err.Error(), "page of HTML") || strings.Contains(err.Error(), "revoked") {
					t.Fatal(err)
				}
				left = unsent.Left
			}
			err := s.Send(t.Context(), grant(t, fresh), left)
			var unsent *intake.Unsent
			switch errors.As(err, &unsent); {
			case status == http.StatusForbidden && (unsent == nil || unsent.Refused == fresh):
				t.Errorf("403, at last: %v", err)
			case status != http.StatusForbidden && (!consumererror.IsPermanent(err) || b.dropped[intake.ReasonRejected] != 1):
				t.Errorf("%d, at last: %v, dropped %v", status, err, b.dropped)
			}
		}
	}
}

// TestAPageThatFindsABodyTooLargeIsBelieved: proxies have limits too.
func TestAPageThatFindsABodyTooLargeIsBelieved(t *testing.T) {
	t.Parallel()
	in := newIntake(t, func(w http.ResponseWriter, c call, _ int) {
		if strings.Count(string(c.body), "{") > 2 {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			_, _ = io.WriteString(w, page)
		}
	})
	b := &books{}
	if err := sender(in, b).Send(t.Context(), grant(t, false), of(intake.Logs, `{"a":1},`, `{"a":1},`, `{"a":1},`, `{"a":1},`, `{"a":1},`)); err != nil {
		t.Fatal(err)
	}
	if b.delivered != 5 {
		t.Errorf("delivered %d", b.delivered)
	}
}
