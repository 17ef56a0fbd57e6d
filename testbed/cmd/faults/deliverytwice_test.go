package main

import (
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/delivery"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
)

// Process 3 is killed with a body answered whose items are in the queue still, and with a new record in the park whose items are in it too. The old
// record is of a kill before, another one is where one was then, and what is in one place only comes once.
func TestWhatAKillMakesComeAgainIsCountedInBatches(t *testing.T) {
	t.Parallel()
	logs := func(delivery.ID) load.Signal { return load.Logs }
	seen := newTwice()
	seen.records["slot 1 old"], seen.records["slot 2 old"] = true, true
	bodies := []delivery.Body{{Number: 1, Run: 2, IDs: []delivery.ID{1}}, {Number: 2, Run: 3, IDs: []delivery.ID{2, 3, 4}}}
	handedOver := seen.note(3, bodies, &delivery.Files{
		Queued: map[delivery.ID]bool{1: true, 2: true, 3: true, 5: true, 6: true, 7: true, 9: true},
		Parked: map[delivery.ID][]string{5: {"slot 3 new"}, 6: {"slot 1 old"}, 8: {"slot 3 new"}, 9: {"slot 2 new"}},
	}, logs)
	if handedOver != 2 || len(seen.batches[cause{3, load.Logs}]) != 3 || len(seen.batches) != 1 {
		t.Errorf("%d items handed over, batches %v", handedOver, seen.batches)
	}
	for id, want := range map[delivery.ID]int{1: 0, 2: 1, 3: 1, 4: 0, 5: 1, 6: 0, 7: 0, 8: 0, 9: 1} {
		if seen.copies[id] != want {
			t.Errorf("item %d may come %d times more, want %d", id, seen.copies[id], want)
		}
	}
	if !seen.records["slot 3 new"] || seen.records["slot 2 old"] || len(seen.records) != 3 {
		t.Errorf("records %v", seen.records)
	}
	seen.note(4, []delivery.Body{ // three events of two tenants
		{Number: 3, Run: 4, Path: eventsPath, Key: "a", IDs: []delivery.ID{10}}, {Number: 4, Run: 4, Path: eventsPath, Key: "a", IDs: []delivery.ID{11}},
		{Number: 5, Run: 4, Path: eventsPath, Key: "b", IDs: []delivery.ID{12}},
	}, &delivery.Files{Queued: map[delivery.ID]bool{10: true, 11: true, 12: true}}, logs)
	if n := len(seen.batches[cause{4, load.Logs}]); n != 2 || seen.copies[11] != 1 {
		t.Errorf("three events are %d batches", n)
	}
	if most, items, err := seen.judge(delivery.NewArrivals(), []delivery.ID{1, 2}); most != 3 || items != 0 || err != nil {
		t.Errorf("%d batches, %d items, %v", most, items, err)
	}
}
