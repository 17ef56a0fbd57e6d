package datadogoauthexporter

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// statusHost is a host that notes what a component says of itself.
type statusHost struct {
	component.Host
	mu   sync.Mutex
	said []componentstatus.Status // guarded by mu
	errs []string                 // guarded by mu
}

var _ componentstatus.Reporter = (*statusHost)(nil)

// Report implements componentstatus.Reporter.
func (b *statusHost) Report(e *componentstatus.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.said = append(b.said, e.Status())
	if e.Err() != nil {
		b.errs = append(b.errs, e.Err().Error())
	}
}

func (b *statusHost) statuses() []componentstatus.Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.said)
}

const (
	statusOK      = componentstatus.StatusOK
	statusFailing = componentstatus.StatusRecoverableError
)

// TestTheStatusIsAboutAllAttempts has attempts seconds apart, each of which is delivered (d), delivered in part (p) or failed (f).
func TestTheStatusIsAboutAllAttempts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		attempts string
		want     []componentstatus.Status
	}{
		"all work":                         {strings.Repeat("d", 100), nil},
		"none, for less than a minute":     {strings.Repeat("f", 60), nil},
		"none, for a minute":               {strings.Repeat("f", 61), []componentstatus.Status{statusFailing}},
		"none, for long":                   {strings.Repeat("f", 300), []componentstatus.Status{statusFailing}},
		"one tenant of two":                {strings.Repeat("fd", 100), nil},
		"one of sixty":                     {strings.Repeat(strings.Repeat("f", 59)+"d", 5), nil},
		"some of it":                       {strings.Repeat("fp", 100), nil},
		"it works again":                   {strings.Repeat("f", 100) + "d", []componentstatus.Status{statusFailing, statusOK}},
		"and fails again":                  {strings.Repeat("f", 100) + "d" + strings.Repeat("f", 61), []componentstatus.Status{statusFailing, statusOK, statusFailing}},
		"and not long enough":              {strings.Repeat("f", 100) + "d" + strings.Repeat("f", 60), []componentstatus.Status{statusFailing, statusOK}},
		"attempts that the stop cut short": {strings.Repeat("c", 100), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, s := &statusHost{}, &status{after: failingAfter}
				s.start(b)
				cut, cancel := context.WithCancel(t.Context())
				cancel()
				for _, a := range c.attempts {
					ctx := t.Context()
					if a == 'c' {
						ctx = cut
					}
					deliver := s.watch(func(context.Context, *credential.Credential, *intake.Request) error {
						switch a {
						case 'd':
							return nil
						case 'p':
							return &intake.Unsent{Partial: true, Err: errors.New("503")}
						}
						return &intake.Unsent{Err: errors.New("503")}
					})
					if err := deliver(ctx, nil, nil); (err == nil) != (a == 'd') {
						t.Fatalf("the error is lost: %v", err)
					}
					time.Sleep(time.Second)
				}
				if got := b.statuses(); !slices.Equal(got, c.want) {
					t.Errorf("said %v, want %v", got, c.want)
				}
			})
		})
	}
}

// TestFailuresThatHaveNothingToDoWithEachOther are no status, and those that are far apart are one if they go on.
func TestFailuresThatHaveNothingToDoWithEachOther(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pauses []time.Duration // before each failure
		want   []componentstatus.Status
	}{
		"a revoked key, and ten minutes later a malformed log of another tenant": {[]time.Duration{0, 10 * time.Minute}, nil},
		"two of them within minutes":          {[]time.Duration{0, 2 * time.Minute}, nil},
		"one every quarter of an hour":        {slices.Repeat([]time.Duration{15 * time.Minute}, 10), nil},
		"a refused key, tried every 5 min":    {slices.Repeat([]time.Duration{5 * time.Minute}, 3), []componentstatus.Status{statusFailing}},
		"a quiet time, and then a bad minute": {[]time.Duration{0, 10 * time.Minute, 30 * time.Second, 30 * time.Second}, []componentstatus.Status{statusFailing}},
		"a quiet time, and then half of one":  {[]time.Duration{0, 10 * time.Minute, 15 * time.Second, 15 * time.Second}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, s := &statusHost{}, &status{after: failingAfter}
				s.start(b)
				fail := s.watch(func(context.Context, *credential.Credential, *intake.Request) error { return errors.New("400") })
				for _, pause := range c.pauses {
					time.Sleep(pause)
					_ = fail(t.Context(), nil, nil)
				}
				if got := b.statuses(); !slices.Equal(got, c.want) {
					t.Errorf("said %v, want %v", got, c.want)
				}
			})
		})
	}
}

// TestTheExporterTellsItsStatus: while one of two sites fails nothing is said, with both it is an error, and it is over when one of them works.
func TestTheExporterTellsItsStatus(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	var mu sync.Mutex
	down := map[string]bool{eu: true}
	set := func(site string, is bool) {
		mu.Lock()
		defer mu.Unlock()
		down[site] = is
	}
	d.answers(func(r received, _ http.Header) int {
		mu.Lock()
		defer mu.Unlock()
		if down[r.site] {
			return http.StatusServiceUnavailable
		}
		return http.StatusAccepted
	})
	b := &statusHost{Host: h}
	cfg := d.config()
	cfg.Retry.MaxInterval = 50 * time.Millisecond
	exporterSettings, _ := settings(t)
	created, err := createLogs(context.Background(), exporterSettings, cfg)
	created.(*logsExporter).status.after = time.Second
	e := run(t, created, err, b)
	send := func() {
		if err := e.ConsumeLogs(context.Background(), logsOf("acme", "globex")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Millisecond)
	}
	for begin := time.Now(); time.Since(begin) < 2*time.Second; {
		send()
		d.await(t, 1)
	}
	if got := b.statuses(); len(got) != 0 {
		t.Fatalf("one site works, said was %v", got)
	}
	set(us5, true)
	within(t, func() bool {
		send()
		return slices.Equal(b.statuses(), []componentstatus.Status{statusFailing})
	})
	if text := b.errs[0]; !strings.Contains(text, "503") || strings.Contains(text, euKey) || strings.Contains(text, "hello") {
		t.Errorf("said %q", text)
	}
	set(us5, false)
	within(t, func() bool { return slices.Equal(b.statuses(), []componentstatus.Status{statusFailing, statusOK}) })
}
