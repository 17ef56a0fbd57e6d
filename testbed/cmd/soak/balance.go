package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/internal/balance"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/sink"
)

// drained is how long after the end all that waits may take to be settled: the longest back-offs, and the rest of an intake that refused a good key.
const drained = refusedProbe + 2*time.Minute

// Account is one signal in everybody's books, in items.
type Account struct {
	Signal load.Signal `json:"signal"`
	// Client is what the receiver took, by its answers, Groups the same by group of tenants.
	Client load.Totals              `json:"client"`
	Groups [load.Groups]load.Totals `json:"groups"`
	// Hits are the requests that met a trouble that may cost items, by the reason for which those are dropped.
	Hits map[string]int `json:"hits"`
	// Sink is what arrived, Lost of it with an answer that got lost on purpose.
	Sink, Lost int
	// Own is what the collector says.
	Own balance.Account `json:"own"`
}

// balance waits until nothing is under way any more, and compares.
func (l *lab) balance(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, drained)
	defer cancel()
	var errs []error
	if err := l.stream.Ledger.Await(ctx, healthy); err != nil {
		errs = append(errs, fmt.Errorf("healthy tenants: %w", err))
	}
	if c := l.stream.Counts(healthy); c.Given+c.Failed+c.Skipped > 0 {
		errs = append(errs, fmt.Errorf("healthy tenants: %d requests were never taken, %d broken, %d skipped", c.Given, c.Failed, c.Skipped))
	}
	own, err := l.settled(ctx)
	if err != nil {
		errs = append(errs, err)
	}
	if n := l.stream.Ledger.Strange(); n > 0 {
		errs = append(errs, fmt.Errorf("%d items of no request arrived", n))
	}
	arrived := map[load.Signal]sink.Counts{}
	for from, c := range l.fleet.Sink.Counts(l.fleet.World.Name) {
		if c.Lapsed > 0 {
			errs = append(errs, fmt.Errorf("%d points that came to %s are too old or too new: Datadog drops them without a word", c.Lapsed, from.Path))
		}
		t := arrived[signalOf(from.Path)]
		t.Add(c)
		arrived[signalOf(from.Path)] = t
	}
	for _, ld := range l.stream.Loads {
		a := Account{Signal: ld.Signal, Groups: l.stream.Ledger.Load(ld.Number), Sink: arrived[ld.Signal].Items, Lost: arrived[ld.Signal].Lost, Own: own[string(ld.Signal)], Hits: map[string]int{}}
		for _, g := range a.Groups {
			a.Client = a.Client.Plus(g)
		}
		for reason, hits := range l.report.Hits {
			a.Hits[reason] = hits[ld.Signal]
		}
		l.report.Accounts = append(l.report.Accounts, a)
		errs = append(errs, a.check())
		delete(own, string(ld.Signal))
	}
	for signal, b := range own { // what else was made of the items; no client counts it
		delete(b.Dropped, tooLarge)
		delete(b.Dropped, intakeRefused)
		if b.Lost() > 0 || b.Expired > 0 {
			errs = append(errs, fmt.Errorf("%s: items were dropped without a cause: %s", signal, b))
		}
	}
	return errors.Join(errs...)
}

// settled asks the collector for its books until no item of any signal is under way or parked: no trouble is left, so all that waits is to go.
func (l *lab) settled(ctx context.Context) (own map[string]balance.Account, err error) {
	for {
		own, err = l.fleet.Books(ctx)
		var open []string
		for signal, b := range own {
			if b.Missing() != 0 || b.Queued != 0 || b.Parking != 0 {
				open = append(open, fmt.Sprintf("%s: %d open, %d queued, %d parked", signal, b.Missing(), b.Queued, b.Parking))
			}
		}
		if err == nil && len(own) > 0 && len(open) == 0 {
			return own, nil
		}
		if pause(ctx, time.Second) != nil {
			return own, errors.Join(err, fmt.Errorf("the collector was not done within %s: %s", drained, strings.Join(open, "; ")))
		}
	}
}

// signalOf is the signal that a path takes; empty for APM stats, which have no client's count.
func signalOf(path string) load.Signal {
	switch path {
	case "/api/v2/series", "/api/beta/sketches":
		return load.Metrics
	case "/api/v2/logs":
		return load.Logs
	case "/api/v0.2/traces":
		return load.Traces
	default:
		return ""
	}
}

// check compares the three books.
//
// What the client handed over is what the collector says that it accepted. What arrived is what the collector says that it delivered, and besides what
// arrived in vain: the answer got lost, on purpose or with the connection that a reset broke. Of the latter nobody knows the number, but the items came
// once more later or were settled otherwise, so it is bounded by both. What did not arrive is dropped in the collector's books, for a reason that a
// trouble accounts for; the first points of cumulative series are not waited for, and are dropped as its baseline. Nothing is left in the park, and some of
// what was there has been sent.
func (a Account) check() error {
	var errs []error
	wrong := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: "+format, append([]any{a.Signal}, args...)...))
	}
	if a.Own.Accepted != a.Client.Accepted {
		wrong("the receiver took %d items, the collector accepted %d", a.Client.Accepted, a.Own.Accepted)
	}
	if open := a.Own.Missing(); open != 0 {
		wrong("of %d accepted items %d are nowhere", a.Own.Accepted, open)
	}
	if first := a.Client.Accepted - a.Client.Due; a.Own.Dropped["baseline"] != first {
		wrong("%d items start a series, %d were dropped as baseline", first, a.Own.Dropped["baseline"])
	}
	dropped := a.drops(wrong)
	missing, vain := a.Client.Due-a.Client.Arrived, a.Sink-a.Own.Delivered
	if a.Sink != a.Client.Arrived+a.Client.Extra {
		wrong("%d items arrived, %d of known requests", a.Sink, a.Client.Arrived+a.Client.Extra)
	}
	if vain < a.Lost || vain-a.Lost > a.Client.Extra+dropped {
		wrong("%d items arrived, %d of them with a lost answer, and %d are delivered by the collector's books; %d arrived more than once", a.Sink, a.Lost, a.Own.Delivered, a.Client.Extra)
	}
	if missing > dropped || dropped > missing+vain {
		wrong("%d items did not arrive, %d were dropped, %d arrived in vain", missing, dropped, vain)
	}
	if g := a.Groups[healthy]; g.Arrived != g.Due || g.Extra != 0 {
		wrong("of tenants without trouble %d items of %d arrived, %d of them again", g.Arrived, g.Due, g.Extra)
	}
	if g := a.Groups[troubled]; g.Due-g.Arrived > a.Own.Dropped[tooLarge] {
		wrong("%d items of tenants did not arrive that no intake refused, and %d were too large", g.Due-g.Arrived, a.Own.Dropped[tooLarge])
	}
	if a.Own.Parking != 0 || a.Own.Queued != 0 {
		wrong("%d items are left in the park, %d in the queue", a.Own.Parking, a.Own.Queued)
	}
	if a.Own.Redriven == 0 {
		wrong("nothing was sent out of the park")
	}
	return errors.Join(errs...)
}

// drops is how many items of those that were to arrive were dropped. Each reason is to be one that a trouble accounts for.
func (a Account) drops(wrong func(string, ...any)) (items int) {
	for reason, n := range a.Own.Dropped {
		switch reason {
		case "baseline":
			continue
		case tooLarge: // at most what was in the requests that were answered so
			if n > a.Hits[tooLarge]*requestItems {
				wrong("%d items were dropped as too large, %d requests were answered so", n, a.Hits[tooLarge])
			}
		case intakeRefused:
			if g := a.Groups[refused]; n > g.Due || n > 0 && a.Hits[intakeRefused] == 0 {
				wrong("%d items were dropped since an intake refuses them; it refused %d requests, and those tenants sent %d items", n, a.Hits[intakeRefused], g.Due)
			}
		default:
			if n > 0 {
				wrong("%d items were dropped as %s, for which there is no cause", n, reason)
			}
		}
		items += n
	}
	if a.Own.Expired > 0 {
		wrong("%d items expired, and the run is not that long", a.Own.Expired)
	}
	return items + a.Own.Expired
}

// tail is the end of the collector's log, without the lists of goroutines.
func (l *lab) tail() string {
	var lines []string
	for line := range strings.Lines(l.fleet.World.Log.String()) {
		if strings.Contains(line, "Z\t") {
			lines = append(lines, strings.TrimSpace(line[:min(len(line), 400)]))
		}
	}
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}
