package sends

import (
	"hash/maphash"
	"strings"
	"sync"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/internal/peertext"
)

const (
	// maxTenants bounds what is remembered. The one that was quiet longest gives way.
	maxTenants = 20_000
	// forgetAfter is how long a tenant is remembered for which nothing happened.
	forgetAfter = Steps * Step
	// maxErrorBytes bounds the text of an error.
	maxErrorBytes = 300

	numShards = 16
)

// Board is shared by all signals of an exporter. It is safe for concurrent use, and no call takes longer than some memory accesses. Build one with New.
type Board struct {
	seed     maphash.Seed
	shards   [numShards]shard
	perShard int
	now      func() time.Time
}

// shard has about a sixteenth of the tenants, so that senders rarely wait for each other.
type shard struct {
	mu      sync.Mutex         // guards the rest
	tenants map[string]*tenant // by name
	swept   int64              // the step in which those that are to be forgotten were last looked for
}

type tenant struct {
	intakes []figures // few
	history history
}

// figures are those of one intake of a signal.
type figures struct {
	signal           uint8 // place in signals
	family           intake.Family
	sentAt, failedAt int64 // Unix nanoseconds, 0 for never
	failure          string
}

// signals are the names of signals by the number in figures.
var signals = [...]string{"metrics", "logs", "traces"}

// New returns an empty board.
func New() *Board { return newBoard(maxTenants, time.Now) }

func newBoard(tenants int, now func() time.Time) *Board {
	return &Board{seed: maphash.MakeSeed(), perShard: max(tenants/numShards, 1), now: now}
}

// Signal is the board as the exporter of one signal writes on it.
type Signal struct {
	board  *Board
	number uint8
}

// Signal returns that of a name, which is "metrics", "logs" or "traces".
func (b *Board) Signal(name string) *Signal {
	for i, known := range signals {
		if known == name {
			return &Signal{b, uint8(i)}
		}
	}
	panic("sends: no such signal: " + name)
}

// Taken notes that an intake took a body of a tenant.
func (s *Signal) Taken(tenant string, f intake.Family) { s.board.note(tenant, s.number, f, taken, nil) }

// Refused notes that an intake, or the way to it, did not take one.
func (s *Signal) Refused(tenant string, f intake.Family, why error) {
	s.board.note(tenant, s.number, f, refused, why)
}

// NotSent notes why data of a tenant waits, or is lost, for which no intake was tried.
func (s *Signal) NotSent(tenant string, f intake.Family, why error) {
	s.board.note(tenant, s.number, f, notSent, why)
}

// what was noted.
type what uint8

const (
	taken what = iota
	refused
	notSent
)

func (b *Board) note(name string, signal uint8, f intake.Family, w what, why error) {
	now := b.now()
	step := stepOf(now)
	sh := b.shardOf(name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.swept != step {
		sh.forget(now)
		sh.swept = step
	}
	t := sh.tenants[name]
	if t == nil {
		t = sh.add(name, b.perShard)
	}
	o := t.at(signal, f)
	switch w {
	case taken:
		o.sentAt = now.UnixNano()
		t.history.sent.add(t.history.advance(step))
		return
	case refused:
		t.history.refused.add(t.history.advance(step))
	}
	o.failedAt = now.UnixNano()
	if text := why.Error(); text != o.failure {
		o.failure = peertext.Name(text, maxErrorBytes)
	}
}

// add makes room for a tenant, and begins it.
func (s *shard) add(name string, most int) *tenant {
	if s.tenants == nil {
		s.tenants = make(map[string]*tenant)
	}
	if len(s.tenants) >= most {
		quietest, since := "", int64(0)
		for other, t := range s.tenants {
			if last := t.last(); quietest == "" || last < since {
				quietest, since = other, last
			}
		}
		delete(s.tenants, quietest)
	}
	t := &tenant{}
	s.tenants[strings.Clone(name)] = t
	return t
}

// forget removes those for which nothing happened for long.
func (s *shard) forget(now time.Time) {
	before := now.Add(-forgetAfter).UnixNano()
	for name, t := range s.tenants {
		if t.last() < before {
			delete(s.tenants, name)
		}
	}
}

func (t *tenant) at(signal uint8, f intake.Family) *figures {
	for i := range t.intakes {
		if o := &t.intakes[i]; o.family == f && o.signal == signal {
			return o
		}
	}
	grown := make([]figures, len(t.intakes)+1) // of the exact size: it happens once for each intake
	copy(grown, t.intakes)
	grown[len(t.intakes)] = figures{signal: signal, family: f}
	t.intakes = grown
	return &grown[len(grown)-1]
}

// last is when something last happened, in Unix nanoseconds.
func (t *tenant) last() (at int64) {
	for i := range t.intakes {
		at = max(at, t.intakes[i].sentAt, t.intakes[i].failedAt)
	}
	return at
}

// Figures returns those of the tenants named, or of all for nil, in no order. What is parked is not among them.
func (b *Board) Figures(tenants []string) (all []credential.SendFigures) {
	before := b.now().Add(-forgetAfter).UnixNano()
	if tenants == nil {
		for i := range b.shards {
			sh := &b.shards[i]
			sh.mu.Lock()
			for name, t := range sh.tenants {
				all = t.appendFigures(all, name, before)
			}
			sh.mu.Unlock()
		}
		return all
	}
	for _, name := range tenants {
		sh := b.shardOf(name)
		sh.mu.Lock()
		if t := sh.tenants[name]; t != nil {
			all = t.appendFigures(all, name, before)
		}
		sh.mu.Unlock()
	}
	return all
}

func (b *Board) shardOf(name string) *shard {
	return &b.shards[maphash.String(b.seed, name)%numShards]
}

func (t *tenant) appendFigures(all []credential.SendFigures, name string, before int64) []credential.SendFigures {
	if t.last() < before {
		return all
	}
	for i := range t.intakes {
		o := &t.intakes[i]
		all = append(all, credential.SendFigures{
			Tenant: name, Signal: signals[o.signal], Intake: nameOf(o.family),
			LastSent: timeOf(o.sentAt), LastError: o.failure, LastErrorAt: timeOf(o.failedAt),
		})
	}
	return all
}

// nameOf is the name of an intake; that of incidents is no family of requests.
func nameOf(f intake.Family) string {
	if f == intake.Incidents {
		return "incidents"
	}
	return f.String()
}

func timeOf(unixNanos int64) time.Time {
	if unixNanos == 0 {
		return time.Time{}
	}
	return time.Unix(0, unixNanos)
}

// History returns that of a tenant up to this moment, empty if no body of it was tried.
func (b *Board) History(tenant string) credential.SendHistory {
	now := stepOf(b.now())
	sh := b.shardOf(tenant)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	t := sh.tenants[tenant]
	if t == nil {
		return credential.SendHistory{}
	}
	return t.history.until(now)
}
