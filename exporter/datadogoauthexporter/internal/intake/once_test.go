package intake_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

func TestEachEventIsABodyOfItsOwn(t *testing.T) {
	t.Parallel()
	in, b := newIntake(t, accept), &books{}
	if err := sender(in, b).Send(t.Context(), grant(t, false), of(intake.Events, `{"title":"one"}`, `{"title":"two"}`)); err != nil {
		t.Fatal(err)
	}
	got := in.all()
	if len(got) != 2 || b.delivered != 2 {
		t.Fatalf("%d calls, delivered %d", len(got), b.delivered)
	}
	for i, body := range []string{`{"title":"one"}`, `{"title":"two"}`} {
		want := call{"api.us5.datadoghq.com", "/api/v1/events", testKey, "", "application/json", "otelcol-datadogoauth/1.2.3", []byte(body)}
		if !equal(got[i], want) {
			t.Errorf("got %+v, want %+v", got[i], want)
		}
	}
}

// TestEachReportOfAHostIsABodyOfItsOwn, and is sent again when nobody knows whether it arrived: it says the same again.
func TestEachReportOfAHostIsABodyOfItsOwn(t *testing.T) {
	t.Parallel()
	in, b := newIntake(t, func(w http.ResponseWriter, _ call, n int) {
		if n == 2 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	}), &books{}
	s := sender(in, b)
	err := s.Send(t.Context(), grant(t, false), of(intake.HostMetadata, `{"a":1}`, `{"b":2}`))
	var unsent *intake.Unsent
	if !errors.As(err, &unsent) || string(unsent.Left.Body) != `{"b":2}` || !unsent.Down {
		t.Fatalf("%+v", err)
	}
	if err := s.Send(t.Context(), grant(t, false), unsent.Left); err != nil || b.delivered != 2 {
		t.Fatalf("%v, delivered %d", err, b.delivered)
	}
	want := call{"api.us5.datadoghq.com", "/intake", testKey, "gzip", "application/json", "otelcol-datadogoauth/1.2.3", []byte(`{"a":1}`)}
	if got := in.all(); len(got) != 3 || !equal(got[0], want) {
		t.Errorf("got %+v, want %+v first", got, want)
	}
}

// TestAnEventOfUnknownOutcomeIsGivenUp has three events; something happens to the second.
func TestAnEventOfUnknownOutcomeIsGivenUp(t *testing.T) {
	t.Parallel()
	status := func(code int) func(http.ResponseWriter) { return func(w http.ResponseWriter) { w.WriteHeader(code) } }
	vanish := func(http.ResponseWriter) { panic(http.ErrAbortHandler) }
	for name, c := range map[string]struct {
		answer      func(http.ResponseWriter)
		atLeastOnce bool
		lost        bool
		down        bool
	}{
		"500":                        {answer: status(500), lost: true, down: true},
		"502":                        {answer: status(502), lost: true, down: true},
		"503, which a gateway says":  {answer: status(503), lost: true, down: true},
		"504":                        {answer: status(504), lost: true, down: true},
		"408":                        {answer: status(408), lost: true, down: true},
		"no answer":                  {answer: vanish, lost: true, down: true},
		"429 says that nothing was":  {answer: status(429)},
		"403 says that nothing was":  {answer: status(403)},
		"a redirect was not taken":   {answer: status(307)},
		"at least once: 500":         {answer: status(500), atLeastOnce: true, down: true},
		"at least once: no answer":   {answer: vanish, atLeastOnce: true, down: true},
		"at least once: 408, no 5xx": {answer: status(408), atLeastOnce: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := newIntake(t, func(w http.ResponseWriter, _ call, n int) {
				if n == 2 {
					c.answer(w)
					return
				}
				w.WriteHeader(http.StatusAccepted)
			})
			b := &books{}
			s := intake.NewSender(intake.Settings{
				Client: in.client(), Timeout: 20 * time.Second, MaxWait: time.Minute, Observer: b, AtLeastOnce: c.atLeastOnce,
			})
			err := s.Send(t.Context(), grant(t, false), of(intake.Events, "1", "2", "3"))
			var unsent *intake.Unsent
			if !errors.As(err, &unsent) || !unsent.Partial || !unsent.Settled || unsent.Down != c.down {
				t.Fatalf("%+v", err)
			}
			left, lost := "23", 0
			if c.lost {
				left, lost = "3", 1
			}
			if got := string(unsent.Left.Body); got != left || b.dropped[intake.ReasonOutcomeUnknown] != lost || b.delivered != 1 || len(in.all()) != 2 {
				t.Fatalf("left %q, dropped %v, delivered %d, %d calls", got, b.dropped, b.delivered, len(in.all()))
			}
		})
	}
}

func TestTheLastEventOfUnknownOutcomeTellsThatTheIntakeIsDown(t *testing.T) {
	t.Parallel()
	in := newIntake(t, func(w http.ResponseWriter, _ call, _ int) { w.WriteHeader(http.StatusBadGateway) })
	b := &books{}
	err := sender(in, b).Send(t.Context(), grant(t, false), of(intake.Events, "1"))
	var unanswered *intake.Unanswered
	if !consumererror.IsPermanent(err) || !errors.As(err, &unanswered) || !strings.Contains(err.Error(), "events::at_least_once") {
		t.Fatal(err)
	}
	if b.dropped[intake.ReasonOutcomeUnknown] != 1 || b.outcomes[0] != "unknown" {
		t.Fatalf("dropped %v, outcomes %v", b.dropped, b.outcomes)
	}
}

// TestAnEventThatWasNotSentIsKept has ways to fail before the request is written.
func TestAnEventThatWasNotSentIsKept(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	closed.Close()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	t.Cleanup(proxy.Close)
	proxyURL, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	mute, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mute.Close() })
	dial := func(address string) *http.Transport {
		return &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}}
	}
	for name, transport := range map[string]*http.Transport{
		"connection refused":       dial(address),
		"the proxy says 502":       {Proxy: http.ProxyURL(proxyURL)},
		"no TLS":                   dial(proxy.Listener.Addr().String()),
		"time runs out before TLS": dial(mute.Addr().String()),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer transport.CloseIdleConnections()
			b := &books{}
			s := intake.NewSender(intake.Settings{Client: &http.Client{Transport: transport}, Timeout: time.Second, Observer: b})
			err := s.Send(t.Context(), grant(t, false), of(intake.Events, "1", "2"))
			var unsent *intake.Unsent
			if !errors.As(err, &unsent) || string(unsent.Left.Body) != "12" || unsent.Settled || !unsent.Down || len(b.dropped) != 0 {
				t.Fatalf("%v, dropped %v", err, b.dropped)
			}
		})
	}
}

// TestALostAnswerCostsOneEvent has an intake that takes the event and does not answer.
func TestALostAnswerCostsOneEvent(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}), make(chan struct{})
	in := newIntake(t, func(w http.ResponseWriter, _ call, _ int) {
		close(arrived)
		<-release
		w.WriteHeader(http.StatusAccepted)
	})
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	b := &books{}
	err := sender(in, b).Send(ctx, grant(t, false), of(intake.Events, "1"))
	var unsent *intake.Unsent
	if errors.As(err, &unsent) || !errors.Is(err, context.Canceled) || b.dropped[intake.ReasonOutcomeUnknown] != 1 {
		t.Fatalf("%v, dropped %v", err, b.dropped)
	}
}

// TestAServiceCheckIsSentAgain has an intake that is down: a check that arrives twice says the same twice.
func TestAServiceCheckIsSentAgain(t *testing.T) {
	t.Parallel()
	in, b := newIntake(t, func(w http.ResponseWriter, _ call, _ int) { w.WriteHeader(http.StatusBadGateway) }), &books{}
	err := sender(in, b).Send(t.Context(), grant(t, false), of(intake.Checks, "{},"))
	var unsent *intake.Unsent
	if !errors.As(err, &unsent) || unsent.Left.Count() != 1 || len(b.dropped) != 0 {
		t.Fatalf("%v, dropped %v", err, b.dropped)
	}
}
