package tenancy_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy/tenancytest"
)

// unclaimed is a request whose tenant has no organisation.
func unclaimed(tenant string, bodies ...string) *intake.Request {
	r := of(tenant, bodies...)
	r.Org = ""
	return r
}

func strangers(n int) func(*tenancy.Settings) {
	return func(s *tenancy.Settings) {
		s.Strangers = tenancy.Strangers{Unknown: true, NotConnected: true, Tenants: n}
	}
}

// TestWhoseDataWaits: each policy is about its own error, and a tenant that left never waits.
func TestWhoseDataWaits(t *testing.T) {
	t.Parallel()
	for _, unknown := range []bool{false, true} {
		for _, notConnected := range []bool{false, true} {
			for why, waits := range map[error]bool{
				credential.ErrUnknownTenant: unknown, credential.ErrNotConnected: notConnected, credential.ErrDisconnected: false,
			} {
				w := newWorld(t, func(s *tenancy.Settings) {
					s.Strangers = tenancy.Strangers{Unknown: unknown, NotConnected: notConnected, Tenants: 10}
				})
				w.source.Fail("acme", why)
				if got := w.Shelter("acme", why); got != waits {
					t.Errorf("%v: may wait %t, want %t", why, got, waits)
				}
				err := w.Push(t.Context(), unclaimed("acme", "1"))
				if items, _ := w.Dispatcher.Parked(); (items == 1) != waits || consumererror.IsPermanent(err) == waits {
					t.Errorf("%v: %d parked: %v", why, items, err)
				}
				if err := w.Push(t.Context(), of("acme", "2")); !consumererror.IsPermanent(err) {
					t.Errorf("%v: data of an organisation: %v", why, err)
				}
			}
		}
	}
}

// TestStrangersGetTheirDataOnceTheyConnect: with what their organisation is then, whatever state its key is in.
func TestStrangersGetTheirDataOnceTheyConnect(t *testing.T) {
	t.Parallel()
	for _, onDisk := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var disk tenancytest.Disk
			w := newWorld(t, func(s *tenancy.Settings) {
				if onDisk {
					stored(&disk)(s)
				}
				strangers(10)(s)
				deliver := s.Deliver
				s.Deliver = func(ctx context.Context, cred *credential.Credential, r *intake.Request) error {
					if r.Org != cred.OrgText() {
						t.Errorf("sent for %q with the credential of %q", r.Org, cred.OrgText())
					}
					return deliver(ctx, cred, r)
				}
			})
			w.Start()
			for _, body := range []string{"1", "2", "3"} {
				if err := w.Push(t.Context(), unclaimed("acme", body)); err != nil {
					t.Fatal(err)
				}
			}
			w.source.Grant("globex", "datadoghq.eu", "key", 1, false)
			synctest.Wait()
			w.want(t, "sent [], in park 3, parked 3, redriven 0, expired 0, dropped map[]")
			w.source.Grant("acme", "us5.datadoghq.com", "key", 1, false)
			w.source.Fail("acme", credential.ErrKeyMissing)
			synctest.Wait()
			w.want(t, "sent [], in park 3, parked 3, redriven 0, expired 0, dropped map[]")
			w.source.Grant("acme", "us5.datadoghq.com", "key", 1, false)
			synctest.Wait()
			w.want(t, "sent [1 2 3], in park 0, parked 3, redriven 3, expired 0, dropped map[]")
			if err := w.Push(t.Context(), unclaimed("acme", "4")); err != nil { // was in the queue meanwhile
				t.Fatal(err)
			}
			w.Stop(t.Context())
			w.want(t, "sent [1 2 3 4], in park 0, parked 3, redriven 3, expired 0, dropped map[]")
			if disk.Keys() > 1 {
				t.Errorf("%d keys are left on the disk", disk.Keys())
			}
		})
	}
}

// TestAnOrganisationIsGivenOnce: data that waits on the disk has the organisation of its tenant's first connection from then on, also across a kill, and if it was
// sent just before.
func TestAnOrganisationIsGivenOnce(t *testing.T) {
	t.Parallel()
	const sent, dropped = "sent [1], in park 0, parked 0, redriven 1, expired 0, dropped map[]",
		"sent [], in park 0, parked 0, redriven 1, expired 0, dropped map[org_changed:1]"
	for name, c := range map[string]struct {
		before func(*world)
		want   string
	}{
		"not connected before": {func(*world) {}, sent},
		"connected and paused": {func(w *world) {
			w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
			w.source.Fail("acme", credential.ErrPaused)
		}, dropped},
		"connected and sent": {func(w *world) { w.source.Grant("acme", "datadoghq.eu", "key", 1, false) }, dropped},
	} {
		synctest.Test(t, func(t *testing.T) {
			var disk tenancytest.Disk
			w := newWorld(t, func(s *tenancy.Settings) {
				stored(&disk)(s)
				strangers(10)(s)
			})
			w.answers(func(*intake.Request, int) error {
				disk.DieAt(1, false)
				return nil
			})
			w.Start()
			if err := w.Push(t.Context(), unclaimed("acme", "1")); err != nil {
				t.Fatal(err)
			}
			c.before(w)
			synctest.Wait()
			disk.DieAt(1, false)
			w.Stop(t.Context())
			again := reopen(t, &disk, strangers(10))
			again.source.Fail("acme", credential.ErrNotReady)
			again.Start()
			defer again.Stop(t.Context())
			synctest.Wait()
			again.want(t, "sent [], in park 1, parked 0, redriven 0, expired 0, dropped map[]")
			again.source.Move("acme", "datadoghq.eu", "key", "another")
			synctest.Wait()
			if got := again.figures(); got != c.want {
				t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
			}
		})
	}
}

// TestStrangersThatAreNotWantedAnyMore: a restart with another policy loses what waited, and counts it.
func TestStrangersThatAreNotWantedAnyMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var disk tenancytest.Disk
		w := newWorld(t, func(s *tenancy.Settings) {
			stored(&disk)(s)
			strangers(10)(s)
		})
		_ = w.Push(t.Context(), unclaimed("acme", "1"))
		w.Stop(t.Context())
		if reopen(t, &disk, strangers(1)).Shelter("another", credential.ErrUnknownTenant) {
			t.Error("after a restart there is room for one more")
		}
		again := reopen(t, &disk, nil)
		again.Start()
		defer again.Stop(t.Context())
		synctest.Wait()
		again.want(t, "sent [], in park 0, parked 0, redriven 1, expired 0, dropped map[unknown_tenant:1]")
	})
}

// TestManyNamesAreNoWayToThePark: there are so many strangers and no more, until what they had is too old.
func TestManyNamesAreNoWayToThePark(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, strangers(2))
		w.Start()
		defer w.Stop(t.Context())
		taken := func(name string) bool {
			if !w.Shelter(name, credential.ErrUnknownTenant) {
				return false
			}
			return w.Push(t.Context(), unclaimed(name, "1")) == nil
		}
		for i := range 100 {
			if got := taken(fmt.Sprint("name-", i)); got != (i < 2) {
				t.Errorf("name %d is taken: %t", i, got)
			}
		}
		if err := w.Push(t.Context(), unclaimed("name-3", "1")); !errors.Is(err, credential.ErrUnknownTenant) {
			t.Errorf("not refused behind the queue: %v", err)
		}
		time.Sleep(30 * time.Minute)
		if taken("name-4") || !taken("name-0") {
			t.Error("two have data waiting, so those may bring more, and no third one")
		}
		time.Sleep(2 * time.Hour)
		if !taken("name-5") || !taken("name-6") || taken("name-7") {
			t.Error("the data of the first two has expired, so two others may come")
		}
		w.want(t, "sent [], in park 2, parked 5, redriven 0, expired 3, dropped map[unknown_tenant:1]")
	})
}

// TestStrangersHaveTheirPartOfThePark: what they have above it is dropped, of the one that has most, and nothing of tenants with an organisation.
func TestStrangersHaveTheirPartOfThePark(t *testing.T) {
	t.Parallel()
	w := newWorld(t, strangers(10))
	w.source.Grant("paused", "datadoghq.eu", "key", 1, false)
	w.source.Fail("paused", credential.ErrPaused)
	push := func(n int, r func() *intake.Request) {
		for range n {
			if err := w.Push(t.Context(), r()); err != nil {
				t.Fatal(err)
			}
		}
	}
	push(6, func() *intake.Request { return of("paused", "1") })    // the most of all
	push(10, func() *intake.Request { return unclaimed("x", "1") }) // of 17 bytes; 85 of 340 are for strangers
	w.want(t, "sent [], in park 11, parked 16, redriven 0, expired 0, dropped map[park_full:5]")
	push(2, func() *intake.Request { return unclaimed("y", "1") })
	w.want(t, "sent [], in park 11, parked 18, redriven 0, expired 0, dropped map[park_full:7]")
	push(1, func() *intake.Request { return of("paused", "1") })
	push(1, func() *intake.Request { return unclaimed("z", string(make([]byte, 80))) }) // more than the part
	w.want(t, "sent [], in park 12, parked 20, redriven 0, expired 0, dropped map[park_full:8]")
	w.source.Grant("y", "datadoghq.eu", "key", 1, false)
	w.Start()
	defer w.Stop(t.Context())
	for deadline := time.Now().Add(5 * time.Second); w.arrived() < 2; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("what y had is gone: %s", w.figures())
		}
	}
}
