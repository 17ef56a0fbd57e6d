package main

import (
	"errors"
	"fmt"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/delivery"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
)

// twice knows what has to come again, and why. There are two reasons: a kill found a body that an intake had taken and whose items were in a file
// still, or it found a new record of the park whose items were in the queue still. Make one with newTwice.
type twice struct {
	batches map[cause]map[string]bool // bodies and records
	copies  map[delivery.ID]int       // how often an item may come, besides once
	records map[string]bool           // of the park, at the kill before
}

// cause is a kill, and whose data it made come again.
type cause struct {
	process int // that was killed
	signal  load.Signal
}

const eventsPath = "/api/v1/events"

func newTwice() twice {
	return twice{batches: map[cause]map[string]bool{}, copies: map[delivery.ID]int{}, records: map[string]bool{}}
}

// note looks at what a killed process left behind, and returns how many items of new records were in the queue still.
func (t *twice) note(process int, bodies []delivery.Body, files *delivery.Files, signal func(delivery.ID) load.Signal) (handedOver int) {
	add := func(id delivery.ID, batch string) {
		c := cause{process, signal(id)}
		if t.batches[c] == nil {
			t.batches[c] = map[string]bool{}
		}
		t.batches[c][batch] = true
		t.copies[id]++
	}
	for _, b := range bodies {
		batch := fmt.Sprintf("body %d", b.Number)
		if b.Path == eventsPath { // each event of a batch has a body of its own
			batch = "events with " + b.Key
		}
		for _, id := range b.IDs {
			if b.Run == process && files.Has(id) {
				add(id, batch)
			}
		}
	}
	now := map[string]bool{}
	for id, records := range files.Parked {
		for _, r := range records {
			now[r] = true
			if files.Queued[id] && !t.records[r] {
				add(id, r)
				handedOver++
			}
		}
	}
	t.records = now
	return handedOver
}

// judge says how many batches of one signal a kill made come again at most, how many items did, and whether one came more often than the kills explain.
func (t *twice) judge(arrivals *delivery.Arrivals, ids []delivery.ID) (most, items int, err error) {
	for _, batches := range t.batches {
		most = max(most, len(batches))
	}
	var errs []error
	for _, id := range ids {
		again := len(arrivals.Of(id)) - 1
		if again > 0 {
			items++
		}
		if again > t.copies[id] && len(errs) < 5 {
			errs = append(errs, fmt.Errorf("%s came %d times, and %d kills found a second copy of it: bodies %v", id, again+1, t.copies[id], arrivals.Of(id)))
		}
	}
	return most, items, errors.Join(errs...)
}
