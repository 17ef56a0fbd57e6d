package tenancy

import (
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/config/configretry"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// failuresToOpen is how many attempts in a row must fail before a lane stops trying with every request and only probes.
const failuresToOpen = 3

// lane is what is known about one tenant at one intake. It exists while there is something to know.
type lane struct {
	tenant string
	family intake.Family
	// stranger says that the data has no organisation. Nothing of the lane is ever sent.
	stranger bool
	to       *destination
	// sending counts the requests of queue workers that are with the intake or in back-off between two attempts, waiting those that wait for a
	// place.
	sending, waiting int
	// parking counts those that are on the way to its shelf: what is known of the lane decides what has to make room for them, and for what comes.
	parking int
	// flying counts those that are with the intake, and heard is when the last request came back, or the first of these went out.
	flying int
	heard  time.Time
	// answers says that something came back since the lane had nothing under way, or shortly before.
	answers bool
	// failures counts the attempts that failed since the last one that succeeded.
	failures int
	// notBefore is when the next probe, or the next attempt after the intake asked to wait, may be made.
	notBefore time.Time
	throttled bool
	// readAfter is when what is parked may be read again, after the storage failed.
	readAfter time.Time
	// held says that only a change of the credential helps. refused is the generation that the intake refused, 0 for none.
	held    bool
	refused uint64
	// refusals counts how often a key was refused since the last attempt that succeeded.
	refusals int
	// notEnabled says that the intake is not enabled for the organisation. refusedSince is when that, or a refusal, was first so; it says nothing otherwise.
	notEnabled   bool
	refusedSince time.Time
	// redriving says that a goroutine is emptying what the lane has parked.
	redriving bool
	// out is what it has taken off the shelf, nil for nothing, and outOldest the time of the oldest item in it.
	out       *parked
	outOldest int64
	// told and full say that the lane's trouble, and that data of it was lost for want of room, were logged.
	told, full bool
	// toldAlone says that it was logged that the lane alone is refused.
	toldAlone bool
}

func (l *lane) open() bool { return l.failures >= failuresToOpen }

// slowAfter is how long an intake may leave a lane without an answer until it gets no more of it.
const slowAfter = 2 * time.Second

// slow says that the intake does not answer: then the lane gets no place more, long before the requests that it has time out.
func (l *lane) slow(now time.Time) bool { return l.flying > 0 && now.Sub(l.heard) > slowAfter }

// flies notes that a request goes to the intake.
func (l *lane) flies(now time.Time) {
	if l.flying++; l.flying == 1 {
		l.heard = now
	}
}

// landed notes that it came back, with an answer or without.
func (d *Dispatcher) landed(key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.lanes[key] // it stays while it has a request under way
	l.flying--
	l.hears(time.Now())
}

// hears notes that something of the lane came back, be it fresh or parked.
func (l *lane) hears(now time.Time) { l.heard, l.answers = now, true }

// takes takes one of the lane's places for a push.
func (l *lane) takes(now time.Time) {
	l.begins(now)
	l.sending++
}

// begins is called before the lane has one more under way.
func (l *lane) begins(now time.Time) {
	if l.sending == 0 && !l.redriving && now.Sub(l.heard) > patience {
		l.answers = false
	}
}

// forgetAfter is how long after it could have been tried again a lane that failed is known, with nothing to try: its tenant has left, or has moved.
const forgetAfter = 5 * time.Minute

// idle says that the lane can be forgotten, if it has nothing parked.
func (l *lane) idle(now time.Time) bool {
	return l.sending == 0 && l.waiting == 0 && l.parking == 0 && !l.redriving && (l.failures == 0 && !now.Before(l.notBefore) || now.Sub(l.notBefore) >= forgetAfter)
}

// tidy forgets the lanes that can be, once a minute. mu is held.
func (d *Dispatcher) tidy(now time.Time) {
	if now.Sub(d.lanesSeen) < longestRest {
		return
	}
	d.lanesSeen = now
	for key, l := range d.lanes {
		d.forget(key, l, now)
	}
}

// succeeded closes the breaker, and reports whether trouble is over that was logged.
func (l *lane) succeeded() bool {
	told := l.told
	l.failures, l.notBefore, l.throttled, l.held, l.refused, l.told, l.full = 0, time.Time{}, false, false, 0, false, false
	l.notEnabled, l.toldAlone, l.refusals = false, false, 0
	return told
}

// hold notes why data of the lane waits, and reports whether that is worth a line in the log.
func (l *lane) hold(now time.Time, res result) (news bool) {
	if res.outcome == crowded || res.outcome == blocked {
		return false
	}
	l.held = res.outcome == waiting || res.outcome == unready
	if l.refused == 0 && !l.notEnabled {
		l.refusedSince = now
	}
	l.notEnabled = res.notEnabled
	if l.refused = res.refused; l.refused != 0 {
		l.refusals++
		l.notBefore = now.Add(refusedProbe)
	}
	news = !l.told && (l.held || l.open())
	l.told = l.told || news
	return news
}

// failed notes a retryable failure. asked is how long the intake asked to wait, 0 if it did not.
func (l *lane) failed(now time.Time, asked time.Duration, b configretry.BackOffConfig) {
	l.failures++
	l.throttled = asked > 0
	l.notBefore = now.Add(max(asked, jitter(backoffAfter(l.failures, b), b.RandomizationFactor)))
}

// backoffAfter is the mean wait after a number of failures.
func backoffAfter(failures int, b configretry.BackOffConfig) time.Duration {
	wait := float64(b.InitialInterval)
	for range min(failures, 64) - 1 {
		wait *= max(b.Multiplier, 1)
	}
	return time.Duration(min(wait, float64(b.MaxInterval)))
}

func jitter(d time.Duration, factor float64) time.Duration {
	return time.Duration(float64(d) * (1 + factor*(2*rand.Float64()-1)))
}

// lastAttempt says that exporterhelper's retry would give up after this failure, or might: then the request must be parked instead of being
// lost. failures counts this one.
func lastAttempt(now, first time.Time, failures int, b configretry.BackOffConfig) bool {
	if !b.Enabled {
		return true
	}
	if b.MaxElapsedTime <= 0 {
		return false
	}
	longest := time.Duration(float64(backoffAfter(failures, b)) * (1 + b.RandomizationFactor))
	const slack = 100 * time.Millisecond // exporterhelper's clock began before ours
	return now.Sub(first)+longest+slack >= b.MaxElapsedTime
}
