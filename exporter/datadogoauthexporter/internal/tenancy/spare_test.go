package tenancy_test

import (
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// TestWhatTheQueueRefusesIsParkedWithinTheLimits parks requests of 26 bytes each, until one tenant's share of 120 is used up, and then the whole park of 340.
func TestWhatTheQueueRefusesIsParkedWithinTheLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	park := func(want bool, tenant string, requests int) {
		t.Helper()
		var rs []*intake.Request
		for range requests {
			rs = append(rs, of(tenant, "0123456789"))
		}
		if parked, err := w.ParkIfRoom(rs...); parked != want || err != nil {
			t.Fatalf("%d of %s: %v, %v", requests, tenant, parked, err)
		}
	}
	park(false, "acme", 5)
	park(true, "acme", 4)
	park(false, "acme", 1)
	park(true, "globex", 4)
	park(true, "initech", 4)
	park(false, "umbrella", 2)
	park(true, "umbrella", 1)
	if items, bytes := w.Dispatcher.Parked(); items != 13 || bytes != 13*26 {
		t.Errorf("%d items of %d bytes are parked", items, bytes)
	}
}

// TestAStopParksNothingMoreInMemory: nobody would take it out.
func TestAStopParksNothingMoreInMemory(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.Start()
	w.Stop(t.Context())
	if parked, err := w.ParkIfRoom(of("acme", "x")); parked || err == nil {
		t.Errorf("%v, %v", parked, err)
	}
}
