package hostmetadata_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/hostmetadata"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

func TestWhenAHostIsReported(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	plain, linux := named(t, "web-1"), named(t, "web-1", "os.type", "linux")
	unread := named(t, "web-1", "os.type", "linux", "process.pid", "7")
	for i, step := range []struct {
		after time.Duration
		seen  pcommon.Map
		want  int
		text  string
	}{
		{0, plain, 1, ""},
		{time.Second, plain, 0, ""},
		{time.Second, linux, 0, ""},             // it changed, but a report went out just now
		{time.Minute, linux, 1, `GOOS\":\"lin`}, // now it may
		{2 * time.Minute, unread, 0, ""},        // nothing that is reported changed
		{2 * time.Minute, plain, 0, ""},         // says less, and takes nothing back
		{period - 5*time.Minute, linux, 0, ""},
		{time.Minute, plain, 1, `GOOS\":\"lin`}, // a period after the last report
		{period - time.Second, plain, 0, ""},
		{3 * period, linux, 1, `GOOS\":\"lin`},
	} {
		w.now = w.now.Add(step.after)
		got := w.reports(t, "acme", step.seen)
		if len(got) != step.want || step.want > 0 && !strings.Contains(got[0], step.text) {
			t.Errorf("step %d: %q", i, got)
		}
	}
}

// TestTwoServicesThatDisagree are on one host, and are seen each second for an hour.
func TestTwoServicesThatDisagree(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	one, two := named(t, "web-1", "deployment.environment", "one"), named(t, "web-1", "deployment.environment", "two")
	reports := 0
	for range 3600 {
		w.now = w.now.Add(time.Second)
		reports += len(w.reports(t, "acme", one)) + len(w.reports(t, "acme", two))
	}
	if reports > 60 || reports < 2 {
		t.Errorf("%d reports in an hour", reports)
	}
}

func TestOneCallReportsAHostOnce(t *testing.T) {
	t.Parallel()
	got := newWorld(nil).reports(t, "acme", named(t, "a", "os.type", "linux"), named(t, "b"), named(t, "a", "host.arch", "arm64"), named(t, "a"))
	if len(got) != 2 || !strings.Contains(got[0], `GOOS\":\"linux`) || !strings.Contains(got[0], `GOOARCH\":\"arm64`) || !strings.Contains(got[1], `"hostname":"b"`) {
		t.Errorf("%q", got)
	}
}

func TestTenantsKeepTheirHostsApart(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	if got := w.reports(t, "acme", named(t, "web-1", "os.type", "linux", "datadog.host.tag.secret", "of-acme")); len(got) != 1 {
		t.Fatalf("%q", got)
	}
	if got := w.reports(t, "globex", named(t, "web-1")); len(got) != 1 || strings.Contains(got[0], "linux") || strings.Contains(got[0], "acme") {
		t.Fatalf("globex got %q", got)
	}
	// Another organisation of the same tenant knows nothing either.
	tx := w.Begin("acme", "another")
	tx.Add(named(t, "web-1"))
	if got := items(t, tx.Payload()); len(got) != 1 || strings.Contains(got[0], "linux") {
		t.Fatalf("the other organisation got %q", got)
	}
}

func TestWhatWasNotTakenIsReportedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	for range 2 {
		tx := w.Begin("acme", "org-of-acme")
		tx.Add(named(t, "web-1"))
		if got := items(t, tx.Payload()); len(got) != 1 {
			t.Fatalf("%q", got)
		}
	}
	if n := w.Known(); n != 0 {
		t.Fatalf("%d hosts are known", n)
	}
	if got := w.reports(t, "acme", named(t, "web-1")); len(got) != 1 {
		t.Fatalf("%q", got)
	}
	if got := w.reports(t, "acme", named(t, "web-1")); len(got) != 0 {
		t.Fatalf("%q", got)
	}
}

// TestHostsAreBounded has 10 hosts a tenant, and 15 in all.
func TestHostsAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	many := func(tenant string, n int) (reports, dropped int) {
		tx := w.Begin(tenant, "org")
		for i := range n {
			tx.Add(named(t, fmt.Sprint(tenant, i)))
		}
		reports = len(tx.Payload().Items)
		_, drops := tx.Commit()
		return reports, drops[intake.ReasonHostLimit]
	}
	if sent, dropped := many("acme", 12); sent != 10 || dropped != 2 {
		t.Errorf("acme: %d sent, %d dropped", sent, dropped)
	}
	if sent, dropped := many("globex", 12); sent != 5 || dropped != 7 {
		t.Errorf("globex: %d sent, %d dropped", sent, dropped)
	}
	if sent, dropped := many("acme", 12); sent != 0 || dropped != 2 {
		t.Errorf("acme again: %d sent, %d dropped", sent, dropped)
	}
	// What is not seen any more makes room.
	w.now = w.now.Add(period)
	if sent, dropped := many("initech", 12); sent != 10 || dropped != 2 || w.Known() != 10 {
		t.Errorf("initech: %d sent, %d dropped, %d known", sent, dropped, w.Known())
	}
}

// TestMemoryIsBounded has hosts that say very much.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(func(o *hostmetadata.Options) { o.MaxHostsPerTenant, o.MaxHosts = 40, 40 })
	tx := w.Begin("acme", "org")
	for i := range 40 {
		r := named(t, fmt.Sprint("host-", i))
		for j := range 200 {
			r.PutStr(fmt.Sprint("datadog.host.tag.", j), strings.Repeat("x", 500))
		}
		r.PutStr("os.type", strings.Repeat("y", 100_000))
		tx.Add(r)
	}
	got := items(t, tx.Payload())
	_, drops := tx.Commit()
	if len(got) == 0 || len(got) > 4 || drops[intake.ReasonHostLimit] != 40-len(got) {
		t.Fatalf("%d reports, %d dropped", len(got), drops[intake.ReasonHostLimit])
	}
	if n := len(got[0]); n > 30_000 || strings.Contains(got[0], "yyy") || strings.Count(got[0], "...truncated") != 99 || !strings.Contains(got[0], "tags_truncated:true") {
		t.Errorf("a report of %d bytes", n)
	}
}

// TestOneHostThatGrows is bounded as well when all it says comes in one call.
func TestOneHostThatGrows(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	tx := w.Begin("acme", "org")
	for _, key := range []string{"os.type", "os.description", "host.arch", "datadog.ccrid"} {
		for host := range 10 {
			tx.Add(named(t, fmt.Sprint("host-", host), key, strings.Repeat("x", 1000)))
		}
	}
	total := 0
	for _, text := range items(t, tx.Payload()) {
		total += len(text)
	}
	reports, drops := tx.Commit()
	if reports != 10+drops[intake.ReasonHostLimit] || drops[intake.ReasonHostLimit] < 20 || total > 40_000 {
		t.Errorf("%d reports, %d dropped, %d bytes", reports, drops[intake.ReasonHostLimit], total)
	}
}

// TestNilReportsNothing does what the exporter does when no host metadata is sent.
func TestNilReportsNothing(t *testing.T) {
	t.Parallel()
	var h *hostmetadata.Hosts
	tx := h.Begin("acme", "org")
	if tx != nil {
		t.Fatal("a transaction on nothing")
	}
	tx.Add(named(t, "web-1"))
	tx.AddMetrics(pmetric.NewResourceMetrics())
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	w := newWorld(nil)
	var all sync.WaitGroup
	for i := range 4 {
		shared, own := named(t, "shared", "os.type", fmt.Sprint(i%2)), named(t, fmt.Sprint("own-", i))
		all.Go(func() {
			for range 100 {
				tx := w.Begin("acme", "org")
				tx.Add(shared)
				tx.Add(own)
				tx.Payload()
				tx.Commit()
			}
		})
	}
	all.Wait()
	if n := w.Known(); n != 5 {
		t.Errorf("%d hosts are known", n)
	}
}
