package isolation_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"

	"github.com/datadogoauth/otelcol-datadogoauth/internal/isolation"
)

// datadog is all intakes of all sites. It is the round tripper of the exporters: an extension that takes the place of their transport.
//
// Whatever it answers, it reads every body, and compares whose it is with the key and the host under which it came. Some bodies it reads long
// after it answered, as a transport may.
type datadog struct {
	component.StartFunc
	component.ShutdownFunc
	grants *grants
	report func(error)
	notes  *notes

	reading  sync.WaitGroup
	checkers sync.Pool // of *isolation.Checker

	mu    sync.Mutex // guards everything below
	rnd   *rand.Rand
	moods [isolation.Tenants]mood
	calm  bool
}

// mood is what a tenant's intakes do, in percent of the requests. The rest is accepted.
type mood struct {
	hang, broken, busy, limited, tooLarge, refuse, garbled, redirect int
}

// The ways to answer.
type answer struct {
	status int
	wait   string // Retry-After
	hang   bool   // no answer until the caller gives up
	broken bool   // the connection ends in the middle of the body
	early  bool   // the answer comes before the body was read
}

var _ extensionmiddleware.HTTPClient = (*datadog)(nil)

// GetHTTPRoundTripper implements extensionmiddleware.HTTPClient.
func (d *datadog) GetHTTPRoundTripper(context.Context) (extensionmiddleware.WrapHTTPRoundTripperFunc, error) {
	return func(context.Context, http.RoundTripper) (http.RoundTripper, error) { return d, nil }, nil
}

// newMoods are for some time.
func (d *datadog) newMoods() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.moods {
		switch d.rnd.IntN(4) {
		case 0:
			d.moods[i] = mood{}
		case 1:
			d.moods[i] = mood{hang: 1, broken: 4, busy: 10, limited: 4, tooLarge: 15, garbled: 1, redirect: 1}
		case 2:
			d.moods[i] = mood{hang: 3, broken: 15, busy: 40, limited: 15, tooLarge: 5, refuse: 5}
		default:
			d.moods[i] = mood{busy: 5, tooLarge: 40}
		}
	}
}

// heal makes every intake work.
func (d *datadog) heal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calm = true
}

func (d *datadog) decide(k keyOwner, tenant int) answer {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := answer{status: http.StatusAccepted, early: d.rnd.IntN(5) == 0}
	if d.calm {
		if !k.current {
			a.status = http.StatusForbidden
		}
		return a
	}
	m := &d.moods[tenant]
	n := d.rnd.IntN(100)
	within := func(percent int) bool {
		n -= percent
		return n < 0
	}
	switch {
	case !k.current && d.rnd.IntN(2) == 0, within(m.refuse):
		a.status = http.StatusForbidden
	case within(m.hang):
		a.hang = true
	case within(m.broken):
		a.broken = true
	case within(m.busy):
		a.status = []int{http.StatusServiceUnavailable, http.StatusInternalServerError, http.StatusRequestTimeout, http.StatusBadGateway}[d.rnd.IntN(4)]
	case within(m.limited):
		a.status, a.wait = http.StatusTooManyRequests, fmt.Sprint(d.rnd.IntN(40))
	case within(m.tooLarge):
		a.status = http.StatusRequestEntityTooLarge
	case within(m.garbled):
		a.status = http.StatusBadRequest
	case within(m.redirect):
		a.status = http.StatusTemporaryRedirect
	}
	return a
}

var errBroken = errors.New("connection reset by peer")

// RoundTrip implements http.RoundTripper.
func (d *datadog) RoundTrip(req *http.Request) (*http.Response, error) {
	key := req.Header.Get("DD-API-KEY")
	k, known := d.grants.key(key)
	if !known || !k.site.Owns(req.URL.Hostname()) || req.URL.Scheme != "https" {
		d.report(fmt.Errorf("%s://%s%s was called with the key of %s, known: %v", req.URL.Scheme, req.URL.Host, req.URL.Path, k.org, known))
	}
	a := d.decide(k, soleTenant(k.owners))
	d.notes.add(outcome(a))
	if a.early {
		d.notes.add("answered before the body was read")
		d.reading.Go(func() { d.look(req, k, req.Body, true) })
	} else if a.broken {
		_, _ = io.CopyN(io.Discard, req.Body, req.ContentLength/2)
		_ = req.Body.Close()
	} else {
		d.look(req, k, req.Body, false)
	}
	switch {
	case a.hang:
		<-req.Context().Done()
		return nil, req.Context().Err()
	case a.broken:
		return nil, errBroken
	}
	h := http.Header{}
	if a.wait != "" {
		h.Set("Retry-After", a.wait)
	}
	if a.status == http.StatusTemporaryRedirect {
		h.Set("Location", "https://api.datadoghq.com/elsewhere")
	}
	return &http.Response{StatusCode: a.status, Status: http.StatusText(a.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: h,
		Body: io.NopCloser(strings.NewReader("{}")), ContentLength: 2, Request: req}, nil
}

// soleTenant is the number of the first tenant of a key, whose mood decides.
func soleTenant(of isolation.Owners) int {
	for n := range isolation.Tenants {
		if of&isolation.AnyOf(n) != 0 {
			return n
		}
	}
	return 0
}

func outcome(a answer) string {
	switch {
	case a.hang:
		return "hang"
	case a.broken:
		return "broken"
	default:
		return fmt.Sprint(a.status)
	}
}

// look reads a body and compares whose it is.
func (d *datadog) look(req *http.Request, k keyOwner, body io.ReadCloser, slowly bool) {
	defer body.Close()
	var sent []byte
	for part := make([]byte, max(req.ContentLength/3, 64)); ; {
		if slowly {
			time.Sleep(time.Duration(1+len(sent)%7) * 10 * time.Millisecond)
		}
		n, err := body.Read(part)
		sent = append(sent, part[:n]...)
		if err != nil {
			break
		}
	}
	c, _ := d.checkers.Get().(*isolation.Checker)
	if c == nil {
		c = new(isolation.Checker)
	}
	defer d.checkers.Put(c)
	found, err := c.Check(req.URL.Path, req.Header.Get("Content-Encoding"), sent)
	switch {
	case err != nil:
		d.report(fmt.Errorf("to %s with the key of %s: %w", req.URL.Host, k.org, err))
	case found.Owners&k.owners == 0:
		d.report(fmt.Errorf("%s%s got a body of %s with the key of %s, which is of %s", req.URL.Host, req.URL.Path, found.Owners, k.org, k.owners))
	}
	d.notes.addBody(req.URL.Path, found)
}
