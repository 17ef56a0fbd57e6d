package main

import (
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/delivery"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
)

// Process 3 is killed with a body answered whose items are in the queue still, and with a new record in the park whose items are in it too. The old
// record is of a kill before, and what is in one place only comes once.
func TestWhatAKillMakesComeAgainIsCountedInBatches(t *testing.T) {
	t.Parallel()
	logs := func(delivery.ID) load.Signal { return load.Logs }
	seen := newTwice()
	seen.records["old"] = true
	bodies := []delivery.Body{{Number: 1, Run: 2, IDs: []delivery.ID{1}}, {Number: 2, Run: 3, IDs: []delivery.ID{2, 3, 4}}}
	handedOver := seen.note(3, bodies, &delivery.Files{
		Queued: map[delivery.ID]bool{1: true, 2: true, 3: true, 5: true, 6: true, 7: true},
		Parked: map[delivery.ID][]string{5: {"new"}, 6: {"old"}, 8: {"new"}},
	}, logs)
	if handedOver != 1 || len(seen.batches[cause{3, load.Logs}]) != 2 || len(seen.batches) != 1 {
		t.Errorf("%d items handed over, batches %v", handedOver, seen.batches)
	}
	for id, want := range map[delivery.ID]int{1: 0, 2: 1, 3: 1, 4: 0, 5: 1, 6: 0, 7: 0, 8: 0} {
		if seen.copies[id] != want {
			t.Errorf("item %d may come %d times more, want %d", id, seen.copies[id], want)
		}
	}
	if !seen.records["new"] || len(seen.records) != 2 {
		t.Errorf("records %v", seen.records)
	}
	if most, items, err := seen.judge(delivery.NewArrivals(), []delivery.ID{1, 2}); most != 2 || items != 0 || err != nil {
		t.Errorf("%d batches, %d items, %v", most, items, err)
	}
}
