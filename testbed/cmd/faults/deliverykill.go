package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/internal/balance"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/delivery"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
)

// The tenants of a kill scenario: two in health, one whose intakes never answer, one whose intakes answer 503, one that an operator paused, and one
// whose key is revoked.
const (
	wellA, wellB = "well-a", "well-b"
	hanging      = "hanging"
	refusing     = "refusing"
	paused       = "paused"
	revoked      = "revoked" // takes a minute: a key that is younger is not judged
)

const (
	deliveryRounds = 100
	phaseWanted    = 5
)

// killDelivery kills the collector under load of three signals over and over, aimed at each phase in turn, and in the end at those that were hit
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
	return l.inDeliveries(ctx, tenants, nil, func(d *deliveries) error {
		k := &deliveryKills{deliveries: d, wanted: wanted, held: tenants[3:], lost: map[delivery.ID]bool{}, twice: newTwice()}
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
	held       []string // tenants whose data is parked at once
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
	if err := order(ctx, k.w.Node, paused, "pause", map[string]string{"reason": "a scenario"}); err != nil {
		return err
	}
	return errors.Join(k.fault(hanging, hanging, faults.Fault{Hang: true}), k.refuse())
}

func (k *deliveryKills) refuse() error {
	return k.fault(refusing, refusing, faults.Fault{Status: http.StatusServiceUnavailable, Body: `{"errors":["try again later"]}`})
}

// round sends, kills, looks at what there is, and starts again.
func (k *deliveryKills) round(ctx context.Context, aim phase) error {
	stop := k.load(ctx)
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

// baselines compares how many cumulative series began in this process with what it counts: no more is missing of their totals. The process's books
// balance, with what it found of those before.
func (k *deliveryKills) baselines(ctx context.Context) error {
	return eventually(ctx, settleWithin, func() error {
		books, err := balance.Scrape(ctx, k.figures)
		if err == nil {
			err = books.Check()
		}
		begun := 0
		for _, c := range k.counters {
			if c.Begun() {
				begun++
			}
		}
		if n := books.Of(string(load.Metrics)).Dropped["baseline"]; err == nil && n != begun {
			err = fmt.Errorf("%d cumulative series began, %d baselines are counted", begun, n)
		}
		return err
	})
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

// held is the fault that keeps a request where a kill is to find it.
const held = "held"

// await returns at the moment to kill.
func (k *deliveryKills) await(ctx context.Context, aim phase, calls *sync.WaitGroup) error {
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	well := wellA
	if k.rand.IntN(2) == 0 {
		well = wellB
	}
	arrived := len(k.arrivals.Bodies(0))
	switch aim {
	case phaseBeforeAck:
		before := k.client.Written()
		k.burst(ctx, calls, well, 4)
		if err := k.client.AwaitWritten(ctx, before+1+k.rand.Int64N(3)); err != nil {
			return err
		}
		return pause(ctx, k.within(time.Millisecond))
	case phaseInFlight:
		// Half of them hang before the intake takes anything, half after: the collector cannot know.
		before := k.rand.IntN(2) == 0
		if err := k.fault(held, well, faults.Fault{Hang: before, Withhold: !before}); err != nil {
			return err
		}
		if err := k.w.Standin.Faults().Await(ctx, held, 1+k.rand.IntN(3)); err != nil {
			return err
		}
		return pause(ctx, k.within(10*time.Millisecond))
	case phaseAnswered:
		k.burst(ctx, calls, well, 4)
		if _, err := k.arrivals.AwaitBody(ctx, arrived, func(b delivery.Body) bool { return k.tenantOfKey(b.Key) == well }); err != nil {
			return err
		}
		return pause(ctx, k.within(3*time.Millisecond))
	case phaseParking:
		k.burst(ctx, calls, k.held[k.rand.IntN(len(k.held))], 6)
		if err := k.awaitParked(ctx); err != nil {
			return err
		}
		return pause(ctx, k.within(2*time.Millisecond))
	default:
		if err := k.awaitParking(ctx); err != nil {
			return err
		}
		withhold := k.rand.IntN(2) == 0
		if withhold {
			if err := k.fault(held, refusing, faults.Fault{Withhold: true}); err != nil {
				return err
			}
		}
		k.w.Standin.Faults().Remove(refusing)
		if _, err := k.arrivals.AwaitBody(ctx, arrived, func(b delivery.Body) bool { return k.tenantOfKey(b.Key) == refusing }); err != nil {
			return err
		}
		return pause(ctx, k.within(2*time.Millisecond))
	}
}

// awaitParked waits until the collector has parked something.
func (k *deliveryKills) awaitParked(ctx context.Context) error {
	before, err := k.scrape(ctx)
	if err != nil {
		return err
	}
	for {
		now, err := k.scrape(ctx)
		if err != nil || now.Sum("parked_items") > before.Sum("parked_items") {
			return err
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("nothing was parked: %w", err)
		}
	}
}

// awaitParking waits until there is something in the park.
func (k *deliveryKills) awaitParking(ctx context.Context) error {
	return eventually(ctx, settleWithin, func() error {
		now, err := k.scrape(ctx)
		if err == nil && now.Sum("parking_items") == 0 {
			err = errors.New("nothing is parked")
		}
		return err
	})
}

// judge reads the files of the dead collector. before is the history's last entry at the kill.
func (k *deliveryKills) judge(before int64) error {
	files, err := delivery.Open(k.w.Path("queue"))
	if err != nil {
		return err
	}
	var now phaseHits
	unanswered := k.client.IDs(func(it delivery.Item) bool { return it.Run == k.process && it.Outcome == delivery.Unknown })
	now[phaseBeforeAck] = len(unanswered)
	status := map[int]int{} // of the answer to a body
	for _, e := range k.w.Standin.History().List(history.Filter{Method: http.MethodPost}) {
		if e.Seq <= k.began {
			continue
		}
		if e.Seq > before && e.Status == 0 && (e.Org == k.customer(wellA).Org.ID || e.Org == k.customer(wellB).Org.ID) {
			now[phaseInFlight]++
		}
		if n, err := strconv.Atoi(e.Notes[delivery.NoteBody]); err == nil {
			status[n] = e.Status
		}
	}
	for _, b := range k.arrivals.Bodies(0) {
		if b.Run != k.process {
			continue
		}
		for _, id := range b.IDs {
			switch {
			case len(files.Parked[id]) > 0:
				now[phaseRedrive]++
			case files.Queued[id] && status[b.Number] == http.StatusAccepted:
				now[phaseAnswered]++
			}
		}
	}
	now[phaseParking] = k.look(files)
	for p := range phases {
		if now[p] > 0 {
			k.hit[p]++
		}
	}
	return nil
}

// look notes what a kill lost and what it made come twice. It returns how many items were on their way from the queue to the park.
func (k *deliveryKills) look(files *delivery.Files) (handedOver int) {
	k.findLost(files)
	return k.twice.note(k.process, k.arrivals.Bodies(0), files, func(id delivery.ID) load.Signal { return k.client.Item(id).Signal })
}

// findLost notes what was acknowledged, did not arrive and is in no file.
func (k *deliveryKills) findLost(files *delivery.Files) {
	var lost []delivery.ID
	for _, id := range k.arrivals.Missing(k.owed()) {
		if !files.Has(id) && !k.lost[id] {
			k.lost[id] = true
			lost = append(lost, id)
		}
	}
	if len(lost) > 0 {
		k.losses = append(k.losses, fmt.Sprintf("process %d: %s", k.process, k.describe(lost)))
	}
}

// stillOwed is what is owed to tenants and is not known to be lost.
func (k *deliveryKills) stillOwed(tenants ...string) (ids []delivery.ID) {
	for _, id := range k.owed(tenants...) {
		if !k.lost[id] {
			ids = append(ids, id)
		}
	}
	return ids
}

// end mends everything, waits for what is owed, and reads the books.
func (k *deliveryKills) end(ctx context.Context) error {
	stop := k.load(ctx, wellA, wellB)
	err := pause(ctx, time.Second)
	if err := errors.Join(err, stop()); err != nil {
		return err
	}
	k.w.Standin.Faults().Clear()
	if err := order(ctx, k.w.Node, paused, "resume", nil); err != nil {
		return err
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
	return errors.Join(append(errs, err, k.crossed())...)
}
