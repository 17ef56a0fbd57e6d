package datadogoauthexporter

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/collector/component"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metadata"
)

// journalGrants is a holder of grants with a journal, whose API creates every incident.
type journalGrants struct {
	grants
	mu      sync.Mutex // guards everything below
	down    error
	entries map[string]credential.JournalEntry
	created chan struct{}
}

// withJournal makes the grants of a host keep a journal.
func withJournal(h *host) *journalGrants {
	j := &journalGrants{entries: map[string]credential.JournalEntry{}, created: make(chan struct{}, 100)}
	j.Grant("acme", eu, euKey, 1, false)
	h.extensions = map[component.ID]component.Component{component.NewID(metadata.Type): j}
	return j
}

func (j *journalGrants) set(down error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.down = down
}

func (j *journalGrants) Journals() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.down
}

func (j *journalGrants) ReadEntry(_ context.Context, org credential.Org, key string) (credential.JournalEntry, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if e, ok := j.entries[key]; ok {
		return e, j.down
	}
	return credential.JournalEntry{Org: org, Key: key}, j.down
}

func (j *journalGrants) WriteEntry(_ context.Context, e credential.JournalEntry) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.down == nil {
		e.Version++
		j.entries[e.Key] = e
	}
	return e.Version, j.down
}

func (j *journalGrants) EachEntry(context.Context, func(credential.JournalEntry) error) error {
	return nil
}

func (j *journalGrants) Bearer(string, http.RoundTripper) http.RoundTripper { return j }

func (j *journalGrants) RoundTrip(*http.Request) (*http.Response, error) {
	j.created <- struct{}{}
	return &http.Response{StatusCode: http.StatusCreated, Body: io.NopCloser(strings.NewReader(`{"data":{"id":"1"}}`))}, nil
}

// TestAJournalThatIsDownRefusesNothingElse sends a log, an event, a check and a record about an incident together.
func TestAJournalThatIsDownRefusesNothingElse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		keep bool
		down error
		logs string
	}{
		"kept as a log besides":   {true, nil, "accepted 2 delivered 2"},
		"not kept":                {false, nil, "accepted 1 delivered 1"},
		"kept as a log, and down": {true, errors.New("the store is gone"), "accepted 2 delivered 2"},
		"not kept, and down":      {false, errors.New("the store is gone"), "accepted 1 delivered 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, h := twoSites(t)
			j := withJournal(h)
			cfg := d.config()
			cfg.Incidents.Enabled, cfg.Incidents.KeepLog = true, c.keep
			set, tel := settings(t)
			e, err := createLogs(context.Background(), set, cfg)
			e = run(t, e, err, h)
			data := kindsOf("acme")
			lr := data.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().AppendEmpty()
			lr.SetEventName("datadog.incident")
			lr.Body().SetStr("the shop is down")
			lr.Attributes().PutStr("datadog.incident.key", "k")
			j.set(c.down)
			if err := e.ConsumeLogs(context.Background(), data); err != nil {
				t.Fatal(err)
			}
			if got := arrivals(t, d, 3); strings.Contains(got["/api/v2/logs"], "the shop is down") != c.keep {
				t.Errorf("logs %s", got["/api/v2/logs"])
			}
			want := "accepted 1"
			if j.set(nil); c.down == nil {
				<-j.created
				want += " delivered 1"
			}
			if err := e.Shutdown(context.Background()); err != nil {
				t.Fatal(err)
			}
			eachBook(t, tel, map[string]string{"logs": c.logs, "events": "accepted 1 delivered 1", "service_checks": "accepted 1 delivered 1"})
			if got := booksOf(t, tel, "incidents"); got != want {
				t.Errorf("the books of incidents say %q, want %q", got, want)
			}
			if len(j.entries) != 1 {
				t.Errorf("%d entries", len(j.entries))
			}
		})
	}
}

// TestIncidentsNeedAnExtensionThatWrites has one that only sends.
func TestIncidentsNeedAnExtensionThatWrites(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	withJournal(h).set(credential.ErrNoJournal)
	cfg := d.config()
	cfg.Incidents.Enabled = true
	set, _ := settings(t)
	e, err := createLogs(context.Background(), set, cfg)
	if err != nil {
		t.Fatal(err)
	}
	err = e.Start(context.Background(), h)
	if !errors.Is(err, credential.ErrNoJournal) || !strings.Contains(err.Error(), "incidents::enabled: ") || !strings.Contains(err.Error(), "flow") {
		t.Errorf("got %v", err)
	}
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
}
