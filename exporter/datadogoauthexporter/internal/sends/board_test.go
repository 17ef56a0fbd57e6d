package sends

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// clock is a board's, which a test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func (c *clock) pass(d time.Duration) { c.at = c.at.Add(d) }

var errDown = errors.New("send series of tenant acme to datadoghq.eu: 503: Service Unavailable")

func TestEachIntakeOfEachTenantHasItsFigures(t *testing.T) {
	t.Parallel()
	c := &clock{time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)}
	b := newBoard(maxTenants, c.now)
	metrics, logs := b.Signal("metrics"), b.Signal("logs")
	start := c.at
	metrics.Taken("acme", intake.Series)
	c.pass(time.Second)
	metrics.Refused("acme", intake.Series, errDown)
	metrics.NotSent("acme", intake.Sketches, credential.ErrPaused)
	logs.Taken("acme", intake.HostMetadata)
	metrics.Taken("acme", intake.HostMetadata)
	logs.Taken("globex", intake.Logs)
	acme := []credential.SendFigures{
		{Tenant: "acme", Signal: "metrics", Intake: "series", LastSent: start, LastError: errDown.Error(), LastErrorAt: c.at},
		{Tenant: "acme", Signal: "metrics", Intake: "sketches", LastError: "tenant is paused", LastErrorAt: c.at},
		{Tenant: "acme", Signal: "logs", Intake: "host_metadata", LastSent: c.at},
		{Tenant: "acme", Signal: "metrics", Intake: "host_metadata", LastSent: c.at},
	}
	assertSame(t, acme, b.Figures([]string{"acme", "nobody"}))
	globex := credential.SendFigures{Tenant: "globex", Signal: "logs", Intake: "logs", LastSent: c.at}
	assertSame(t, append(acme, globex), b.Figures(nil))
	assert.Empty(t, b.Figures([]string{}))
}

// assertSame compares without regard to order and zone.
func assertSame(t *testing.T, want, got []credential.SendFigures) {
	t.Helper()
	for _, of := range [][]credential.SendFigures{want, got} {
		for i := range of {
			of[i].LastSent, of[i].LastErrorAt = of[i].LastSent.UTC(), of[i].LastErrorAt.UTC()
		}
	}
	assert.ElementsMatch(t, want, got)
}

func TestAnErrorIsOneBoundedLine(t *testing.T) {
	t.Parallel()
	b := New()
	b.Signal("logs").Refused("acme", intake.Logs, errors.New("first\nsecond\x1b[31m\u202e "+strings.Repeat("é", 1000)))
	text := b.Figures(nil)[0].LastError
	assert.True(t, strings.HasPrefix(text, "first second [31m é"), text)
	assert.LessOrEqual(t, len(text), maxErrorBytes+len("…"))
	assert.NotContains(t, text, "\u202e")
}

func TestATenantIsForgottenADayAfterItsLastNews(t *testing.T) {
	t.Parallel()
	c := &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	b := newBoard(maxTenants, c.now)
	s := b.Signal("traces")
	s.Taken("acme", intake.Traces)
	c.pass(time.Hour)
	s.NotSent("globex", intake.Traces, credential.ErrPaused)
	c.pass(forgetAfter - time.Minute)
	assert.Empty(t, b.Figures([]string{"acme"}))
	assert.Len(t, b.Figures(nil), 1)
	assert.Empty(t, b.History("acme").Sent)
	for i := range 1000 { // every shard has news
		s.Taken(fmt.Sprint("other ", i), intake.Traces)
	}
	assert.Nil(t, b.shardOf("acme").tenants["acme"])
	assert.NotNil(t, b.shardOf("globex").tenants["globex"])
}

func TestOfTooManyTenantsThoseQuietLongestAreForgotten(t *testing.T) {
	t.Parallel()
	c := &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	b := newBoard(numShards*10, c.now)
	s := b.Signal("logs")
	for i := range 5000 {
		c.pass(time.Millisecond)
		s.Taken("always there", intake.Logs)
		s.Refused(fmt.Sprint("once ", i), intake.Logs, errDown)
	}
	all := b.Figures(nil)
	assert.Len(t, all, numShards*10)
	assert.Len(t, b.Figures([]string{"always there", "once 4999"}), 2)
	assert.Empty(t, b.Figures([]string{"once 0"}))
}

func TestNotingDoesNotAllocate(t *testing.T) { // not parallel: it counts allocations
	b := New()
	s := b.Signal("metrics")
	note := func() {
		s.Taken("acme", intake.Series)
		s.Refused("acme", intake.Sketches, errDown)
		s.NotSent("acme", intake.Series, credential.ErrPaused)
	}
	note()
	if n := testing.AllocsPerRun(1000, note); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestManyMayNoteAndLook(t *testing.T) {
	t.Parallel()
	b := New()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			s := b.Signal(signals[i%3])
			for n := range 500 {
				s.Taken(fmt.Sprint("tenant ", n%50), intake.Series)
				s.Refused(fmt.Sprint("tenant ", n%50), intake.Series, errDown)
				_ = b.Figures([]string{"tenant 7"})
				_ = b.History("tenant 7")
				if n%100 == 0 {
					_ = b.Figures(nil)
				}
			}
		})
	}
	all.Wait()
	sent := uint32(0)
	for _, n := range b.History("tenant 7").Sent {
		sent += n
	}
	assert.Equal(t, uint32(8*10), sent)
}

// TestMemory holds what package doc.go says: of 10,000 tenants with three signals, at first and after a day in which they sent and were refused in each step.
func TestMemory(t *testing.T) { // not parallel: it measures
	const tenants = 10_000
	c := &clock{time.Date(2026, 1, 2, 0, 0, 1, 0, time.UTC)}
	names := make([]string, tenants)
	for i := range names {
		names[i] = fmt.Sprint("tenant-", i)
	}
	before := inUse()
	b := newBoard(maxTenants, c.now)
	send := func(refuse bool) {
		for _, name := range names {
			for signal, f := range map[string]intake.Family{"metrics": intake.Series, "logs": intake.Logs, "traces": intake.Traces} {
				b.Signal(signal).Taken(name, f)
				if refuse {
					b.Signal(signal).Refused(name, f, errDown)
				}
			}
		}
	}
	send(false)
	first := inUse() - before
	for range Steps {
		c.pass(Step)
		send(false)
	}
	day := inUse() - before
	for range Steps {
		c.pass(Step)
		send(true)
	}
	worst := inUse() - before
	t.Logf("%d tenants: %.1f MB at first, %.1f MB after a day, %.1f MB after a day with refusals", tenants, mb(first), mb(day), mb(worst))
	require.Less(t, mb(first), 4.0)
	require.Less(t, mb(day), 6.0)
	require.Less(t, mb(worst), 18.0) // 300 bytes of text for each intake of each tenant at the most
	runtime.KeepAlive(b)
}

func mb(bytes uint64) float64 { return float64(bytes) / 1e6 }

func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkTaken(b *testing.B) {
	s := New().Signal("metrics")
	s.Taken("acme", intake.Series)
	b.ReportAllocs()
	for b.Loop() {
		s.Taken("acme", intake.Series)
	}
}
