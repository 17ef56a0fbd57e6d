package tenancy

import (
	"strings"
	"time"

	"go.opentelemetry.io/collector/config/configretry"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// destinationKey names one intake of one site.
type destinationKey struct {
	site   string
	family intake.Family
}

const (
	// tenantsToOpen is how many tenants must begin to fail, one after the other and with no answer to anybody between them, before an intake counts as
	// down: what is wrong with one of them is the matter of its own lane.
	tenantsToOpen = 3
	// silenceToOpen is how long the intake must have answered nobody besides. Whoever fails beside others that are served is no outage, and neither
	// is a connection that is reset.
	silenceToOpen = time.Second
	// firstProbe is when an intake that is down is tried first. The wait doubles with each probe.
	firstProbe = 200 * time.Millisecond
)

// destination is what is known about one intake of one site, whoever the tenant is. An intake that is down costs a few attempts in all, not
// a few for each tenant.
type destination struct {
	// sending counts the requests of queue workers that are with the intake, redriving the goroutines that send parked data, waiting the pushes
	// that wait for a place.
	sending, redriving, waiting int
	pace                        pace
	starved                     bool // parked data is due and finds no place
	// failures counts the tenants that began to fail, with 5xx or without an answer, since the last other answer to anybody.
	failures int
	answered time.Time // when that was
	open     bool
	// well is when a tenant may probe whose last attempt did not fail, ill when another may: nobody waits for those who always fail.
	well, ill clock
	probing   int // goroutines that send parked data while the breaker is open
}

// clock says when the next probe may begin.
type clock struct {
	probes int
	next   time.Time
}

// ticks notes that a probe begins, or that the breaker opens.
func (c *clock) ticks(now time.Time, b configretry.BackOffConfig) {
	c.next = now.Add(jitter(min(firstProbe<<min(c.probes, 16), max(b.MaxInterval, firstProbe)), b.RandomizationFactor))
	c.probes++
}

// clock is that of a lane.
func (t *destination) clock(l *lane) *clock {
	if l.failures > 0 {
		return &t.ill
	}
	return &t.well
}

// note keeps what an attempt tells, and reports whether the intake works again. l does not know of the attempt yet.
func (t *destination) note(now time.Time, l *lane, res result, b configretry.BackOffConfig) (works bool) {
	switch {
	case res.reached == untried:
	case res.reached == answered || res.partial && !t.open:
		works = t.open
		t.failures, t.answered, t.open = 0, now, false
	default:
		if l.failures == 0 {
			t.failures++
		}
		if !t.open && t.failures >= tenantsToOpen && now.Sub(t.answered) >= silenceToOpen {
			t.open, t.well, t.ill = true, clock{}, clock{}
			t.well.ticks(now, b)
			t.ill.ticks(now, b)
		}
	}
	return works
}

// siteOf returns the site in the text of a credential.Org, "client/site/id".
func siteOf(org string) string {
	rest := org[:max(strings.LastIndexByte(org, '/'), 0)]
	return rest[strings.LastIndexByte(rest, '/')+1:]
}
