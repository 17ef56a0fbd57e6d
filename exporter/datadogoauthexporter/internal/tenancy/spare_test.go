package tenancy_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
)

var errRefused = errors.New("the queue is full")

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
		if parked, err := w.ParkIfRoom(errRefused, rs...); parked != want || err != nil {
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

// TestWhoseDataMayAwaitItsOrganisation: so many tenants as strangers, and a quarter of the park.
func TestWhoseDataMayAwaitItsOrganisation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *tenancy.Settings) { s.Strangers.Tenants = 2 })
		w.Start()
		for i, may := range []bool{true, true, false} {
			if got := w.Await(fmt.Sprint("tenant-", i)); got != may {
				t.Errorf("the tenant number %d: %v", i, got)
			}
		}
		w.source.Fail("tenant-0", credential.ErrNotReady)
		unknown := func() *intake.Request { r := of("tenant-0", "0123456789"); r.Org = ""; return r }
		for i := range 4 { // a quarter of 340 is 85
			if parked, err := w.ParkIfRoom(credential.ErrNotReady, unknown()); parked != (i < 3) || err != nil {
				t.Fatalf("the request number %d: %v, %v", i, parked, err)
			}
		}
		synctest.Wait()
		if w.sent != nil {
			t.Fatalf("sent %v", w.sent)
		}
		w.source.Grant("tenant-0", "datadoghq.eu", "key", 1, false)
		synctest.Wait()
		if len(w.sent) != 3 {
			t.Errorf("sent %v", w.sent)
		}
		w.Stop(t.Context())
	})
}

// TestAStopParksNothingMoreInMemory: nobody would take it out.
func TestAStopParksNothingMoreInMemory(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.Start()
	w.Stop(t.Context())
	if parked, err := w.ParkIfRoom(errRefused, of("acme", "x")); parked || err == nil {
		t.Errorf("%v, %v", parked, err)
	}
}
