package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/delivery"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// The tenants of a kill scenario: two in health, one whose intakes never answer, one whose intakes answer 503, one that an operator paused, one
// whose key is revoked, and a crowd that is paused too and sends only where a kill is to find data on its way to the park.
const (
	wellA, wellB = "well-a", "well-b"
	hanging      = "hanging"
	refusing     = "refusing"
	paused       = "paused"
	revoked      = "revoked" // takes a minute: a key that is younger is not judged
)

const (
	// crowded is how many are in the crowd: more than there are workers that could park something at the same time.
	crowded        = 40
	deliveryRounds = 100
	phaseWanted    = 5
)

// killDelivery kills the collector under load of three signals, two of whose calls are of two parts each, over and over, aimed at each phase in turn, and in the end at those that were hit
// too seldom. What was hit is judged afterwards: by the senders, by the stand-in, and by what the dead collector's files hold.
func killDelivery(ctx context.Context, l *lab) error {
	rounds, wanted := deliveryRounds, phaseWanted
	if l.short {
		rounds, wanted = int(phases)+2, 1
	}
	if l.rounds > 0 {
		rounds = l.rounds
	}
	return l.killDelivery(ctx, rounds, wanted)
}

func (l *lab) killDelivery(ctx context.Context, rounds, wanted int) error {
	tenants := []string{wellA, wellB, hanging, refusing, paused}
	if !l.short {
		tenants = append(tenants, revoked)
	}
	var crowd []string
	for i := range crowded {
		crowd = append(crowd, fmt.Sprintf("crowd-%d", i))
	}
	change := func(o *world.Options) {
		o.Args = append(o.Args, "--set=exporters.datadogoauth.events.at_least_once=true") // else one whose answer a kill took is dropped, as is right
	}
	return l.inDeliveries(ctx, slices.Concat(tenants, crowd), change, func(d *deliveries) error {
		d.client.Mixed = true
		k := &deliveryKills{deliveries: d, wanted: wanted, steady: tenants, held: tenants[3:], crowd: crowd, lost: map[delivery.ID]bool{}, twice: newTwice()}
		return k.run(ctx, rounds)
	})
}

type deliveryKills struct {
	*deliveries
	wanted     int
	made       int
	process    int // the number of the one that runs, or that was killed last
	aimed, hit phaseHits
	starts     int      // kills of a process that had not begun to run
	moving     int      // of them those that found a queue at work on what the process before had under way
	steady     []string // tenants that send all the time
	held       []string // those of them whose data is parked at once
	crowd      []string // tenants that are paused and send seldom
	revoked    time.Time
	lost       map[delivery.ID]bool
	twice      twice
	losses     []string // by kill, for people
	began      int64    // the history's last entry when the collector was started
}

func (k *deliveryKills) run(ctx context.Context, rounds int) error {
	if err := k.breakTenants(ctx); err != nil {
		return err
	}
	for k.made < rounds || k.hit.missed(k.wanted) != nil && k.made < 2*rounds {
		aim := k.aimed.rarest()
		if k.made >= rounds {
			aim = k.hit.rarest()
		}
		if err := k.round(ctx, aim); err != nil {
			return fmt.Errorf("kill %d, aimed at %q: %w", k.made, aim, err)
		}
	}
	k.printf("%d kills, aimed: %v", k.made, k.aimed)
	k.printf("%d kills, hit:   %v", k.made, k.hit)
	k.printf("%d kills more in the start, %d of them while a queue moved what the process before had under way", k.starts, k.moving)
	return errors.Join(k.end(ctx), k.hit.missed(k.wanted))
}

// breakTenants puts those that are not in health into their state.
func (k *deliveryKills) breakTenants(ctx context.Context) error {
	if slices.Contains(k.held, revoked) {
		k.revoked = time.Now()
		if n := k.w.Standin.OAuth().RevokeKeys(k.customer(revoked).Org.OrgRef, ""); n != 1 {
			return fmt.Errorf("%d keys revoked", n)
		}
	}
	for _, tenant := range slices.Concat(k.crowd, []string{paused}) {
		if err := order(ctx, k.w.Node, tenant, "pause", map[string]string{"reason": "a scenario"}); err != nil {
			return err
		}
	}
	return errors.Join(k.fault(hanging, hanging, faults.Fault{Hang: true}), k.refuse())
}

func (k *deliveryKills) refuse() error {
	return k.fault(refusing, refusing, faults.Fault{Status: http.StatusServiceUnavailable, Body: `{"errors":["try again later"]}`})
}

// round sends, kills, looks at what there is, and starts again.
func (k *deliveryKills) round(ctx context.Context, aim phase) error {
	stop := k.load(ctx, k.steady...)
	err := pause(ctx, 600*time.Millisecond+k.within(200*time.Millisecond)) // two points of each cumulative series, at least
	if err == nil {
		err = k.baselines(ctx)
	}
	var calls sync.WaitGroup
	if err == nil {
		err = k.await(ctx, aim, &calls)
	}
	before := lastSeq(k.w)
	k.w.Collector.Kill()
	k.made++
	k.aimed[aim]++
	err = errors.Join(err, stop())
	calls.Wait()
	if err != nil {
		return err
	}
	k.w.Standin.Faults().Remove(held)
	if aim == phaseRedrive {
		k.w.Standin.Faults().Remove(refusing)
		err = k.refuse()
	}
	if err := errors.Join(err, k.quiet(ctx, k.w)); err != nil {
		return err
	}
	if err := k.judge(before); err != nil {
		return err
	}
	if k.rand.IntN(2) == 0 {
		if err := k.killStart(ctx); err != nil {
			return fmt.Errorf("killed in its start: %w", err)
		}
	}
	k.process++
	k.began = lastSeq(k.w)
	if err := k.restart(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, arriveWithin)
	defer cancel()
	if err := k.arrivals.Await(ctx, k.stillOwed(wellA, wellB)); err != nil {
		return fmt.Errorf("after the restart: %w", err)
	}
	return nil
}

// killStart starts the collector and kills it before it runs. Nobody sends meanwhile.
func (k *deliveryKills) killStart(ctx context.Context) error {
	k.process++
	k.nextRun()
	said := len(k.w.Log.String())
	if err := k.w.Launch(); err != nil {
		return err
	}
	err := pause(ctx, 100*time.Millisecond+k.within(300*time.Millisecond))
	k.w.Collector.Kill()
	k.starts++
	log := k.w.Log.String()[said:]
	if strings.Count(log, "Fetching items left for dispatch") > strings.Count(log, "Moved items for dispatching back") {
		k.moving++
	}
	if err := errors.Join(err, k.quiet(ctx, k.w)); err != nil {
		return err
	}
	files, err := delivery.Open(k.w.Path("queue"))
	if err == nil {
		k.look(files)
	}
	return err
}

// end mends everything, waits for what is owed, and reads the books.
func (k *deliveryKills) end(ctx context.Context) error {
	stop := k.load(ctx, wellA, wellB)
	err := pause(ctx, time.Second)
	if err := errors.Join(err, stop()); err != nil {
		return err
	}
	k.w.Standin.Faults().Clear()
	for _, tenant := range slices.Concat(k.crowd, []string{paused}) {
		if err := order(ctx, k.w.Node, tenant, "resume", nil); err != nil {
			return err
		}
	}
	if slices.Contains(k.held, revoked) {
		if err := errors.Join(pause(ctx, time.Until(k.revoked.Add(keyJudgedAfter))), mintAgain(ctx, k.w.Node, revoked)); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 2*arriveWithin)
	defer cancel()
	var errs []error
	if err := k.arrivals.Await(ctx, k.stillOwed()); err != nil {
		errs = append(errs, fmt.Errorf("%w: %s", err, k.describe(k.arrivals.Missing(k.stillOwed()))))
	} else {
		errs = append(errs, k.awaitTotals(ctx, arriveWithin))
	}
	acknowledged := k.owed()
	k.printf("%d items acknowledged, %d without an answer, %d refusals for now; %d lost", len(acknowledged),
		len(k.client.IDs(func(it delivery.Item) bool { return it.Outcome == delivery.Unknown })), k.client.Retried.Load(), len(k.lost))
	if len(k.lost) > 0 {
		errs = append(errs, fmt.Errorf("%d acknowledged items are neither at Datadog nor in a file, the first: %s", len(k.lost), strings.Join(k.losses[:min(len(k.losses), 3)], "; ")))
	}
	most, items, err := k.twice.judge(k.arrivals, acknowledged)
	k.printf("%d items came again: because of one kill, of one signal, %d batches at most (%d are right)", items, most, consumers+1)
	if most > consumers+1 {
		err = errors.Join(err, fmt.Errorf("%d batches of one signal came again because of one kill, %d at most are right", most, consumers+1))
	}
	return errors.Join(append(errs, err, k.crossed(), k.settled(ctx, nil), k.kinds())...)
}

// kinds says that data of each kind was in the load and arrived: a call of two parts shows what one part cannot.
func (k *deliveryKills) kinds() error {
	n := map[string]int{}
	for _, b := range k.arrivals.Bodies(0) {
		n[b.Path] += len(b.IDs)
	}
	k.printf("items that arrived: %v", n)
	for _, path := range []string{"/api/v2/series", "/api/beta/sketches", "/api/v2/logs", eventsPath, "/api/v0.2/traces"} {
		if n[path] == 0 {
			return fmt.Errorf("no item arrived at %s", path)
		}
	}
	return nil
}
