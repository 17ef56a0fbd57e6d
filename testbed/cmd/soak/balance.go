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

// drained is how long after the end all that waits may take to be settled or parked.
const drained = 3 * time.Minute

// Account is one signal in everybody's books, in items.
type Account struct {
	Signal load.Signal `json:"signal"`
	// Client is what the receiver took, by its answers.
	Client load.Totals `json:"client"`
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
		t := arrived[signalOf(from.Path)]
		t.Add(c)
		arrived[signalOf(from.Path)] = t
	}
	for _, ld := range l.stream.Loads {
		a := Account{Signal: ld.Signal, Client: l.stream.Ledger.Load(ld.Number), Sink: arrived[ld.Signal].Items, Lost: arrived[ld.Signal].Lost, Own: own[string(ld.Signal)]}
		l.report.Accounts = append(l.report.Accounts, a)
		errs = append(errs, a.check())
	}
	return errors.Join(errs...)
}

// settled asks the collector for its books until no item of any signal is under way.
func (l *lab) settled(ctx context.Context) (own map[string]balance.Account, err error) {
	for {
		own, err = l.fleet.Books(ctx)
		var open []string
		for signal, b := range own {
			if b.Missing() != 0 || b.Queued != 0 {
				open = append(open, fmt.Sprintf("%s: %d open, %d queued", signal, b.Missing(), b.Queued))
			}
		}
		if err == nil && len(own) > 0 && len(open) == 0 {
			return own, nil
		}
		if pause(ctx, time.Second) != nil {
			return own, errors.Join(err, fmt.Errorf("own books did not balance within %s: %s", drained, strings.Join(open, "; ")))
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
// once more later or were settled otherwise, so it is bounded by both. What did not arrive is dropped, expired or parked in the collector's books; the
// first points of cumulative series are not waited for, and are dropped as its baseline.
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
	baseline := a.Own.Dropped["baseline"]
	if first := a.Client.Accepted - a.Client.Due; baseline != first {
		wrong("%d items start a series, %d were dropped as baseline", first, baseline)
	}
	elsewhere := a.Own.Settled() - a.Own.Delivered - baseline + a.Own.Parking
	missing, vain := a.Client.Due-a.Client.Arrived, a.Sink-a.Own.Delivered
	if a.Sink != a.Client.Arrived+a.Client.Extra {
		wrong("%d items arrived, %d of known requests", a.Sink, a.Client.Arrived+a.Client.Extra)
	}
	if vain < a.Lost || vain-a.Lost > a.Client.Extra+elsewhere {
		wrong("%d items arrived, %d of them with a lost answer, and %d are delivered by the collector's books; %d arrived more than once", a.Sink, a.Lost, a.Own.Delivered, a.Client.Extra)
	}
	if missing > elsewhere || elsewhere > missing+vain {
		wrong("%d items did not arrive, %d were dropped, expired or parked, %d arrived in vain", missing, elsewhere, vain)
	}
	return errors.Join(errs...)
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
