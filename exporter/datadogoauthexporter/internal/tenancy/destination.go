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

// destination is what is known about one intake of one site, whoever the tenant is. An intake that is down costs a few attempts in all, not
// a few for each tenant.
type destination struct {
	// sending counts the requests of queue workers that are with the intake, redriving the goroutines that send parked data, waiting the pushes
	// that wait for a place.
	sending, redriving, waiting int
	pace                        pace
	starved                     bool // parked data is due and finds no place
	// failures counts the attempts of all tenants without an answer, or with 5xx, since the last other answer.
	failures int
	// notBefore is when the next probe may be made; probing says that one is under way.
	notBefore time.Time
	probing   bool
}

func (t *destination) open() bool { return t.failures >= failuresToOpen }

// note keeps what an attempt tells, and reports whether the intake works again.
func (t *destination) note(now time.Time, res result, b configretry.BackOffConfig) (works bool) {
	switch {
	case res.reached == untried:
	case res.reached == answered || res.partial && !t.open():
		works = t.open()
		t.failures, t.notBefore = 0, time.Time{}
	case t.open() && now.Before(t.notBefore): // was under way when the breaker opened
	default:
		t.failures++
		t.notBefore = now.Add(jitter(backoffAfter(t.failures, b), b.RandomizationFactor))
	}
	return works
}

// siteOf returns the site in the text of a credential.Org, "client/site/id".
func siteOf(org string) string {
	rest := org[:max(strings.LastIndexByte(org, '/'), 0)]
	return rest[strings.LastIndexByte(rest, '/')+1:]
}
