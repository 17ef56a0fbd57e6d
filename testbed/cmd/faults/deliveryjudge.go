package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/datadogoauth/otelcol-datadogoauth/internal/balance"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/delivery"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
)

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
