package tenancy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy/tenancytest"
)

// parkOn parks one request for each body of a tenant that is paused, in a process that is gone then.
func parkOn(t *testing.T, disk *tenancytest.Disk, tenant string, bodies ...string) {
	t.Helper()
	w := reopen(t, disk, nil)
	w.source.Grant(tenant, "datadoghq.eu", "key", 1, false)
	w.source.Fail(tenant, credential.ErrPaused)
	for _, body := range bodies {
		if err := w.Push(t.Context(), of(tenant, body)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestMoreThanOneRangeOfSlots parks more than one mark covers, in two processes.
func TestMoreThanOneRangeOfSlots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var disk tenancytest.Disk
		var bodies []string
		for i := range 300 {
			bodies = append(bodies, fmt.Sprint(i))
		}
		parkOn(t, &disk, "acme", bodies...)
		parkOn(t, &disk, "globex", bodies...)
		w := reopen(t, &disk, nil)
		if items, size := w.Dispatcher.Parked(intake.Logs); items != 600 || size != 2*(10+2*90+3*200)+600*(16+1024) {
			t.Errorf("%d items, %d bytes were found", items, size)
		}
		for _, tenant := range []string{"acme", "globex"} {
			w.source.Grant(tenant, "datadoghq.eu", "key", 1, false)
		}
		w.Start()
		defer w.Stop(t.Context())
		synctest.Wait()
		if items, size := w.Dispatcher.Parked(); items != 0 || size != 0 || len(w.sent) != 600 || w.redriven != 600 {
			t.Errorf("%d items, %d bytes, %d sent", items, size, len(w.sent))
		}
		if disk.Keys() != 3 { // the marks
			t.Errorf("%d keys are left", disk.Keys())
		}
		again := reopen(t, &disk, nil)
		again.want(t, "sent [], in park 0, parked 0, redriven 0, expired 0, dropped map[]")
	})
}

// TestWhatWasParkedIsJudgedAnew has data of tenants that changed their minds while the collector did not run, and some that is too old by now.
func TestWhatWasParkedIsJudgedAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var disk tenancytest.Disk
		parkOn(t, &disk, "left", "1")
		parkOn(t, &disk, "moved", "2")
		parkOn(t, &disk, "old", "3")
		time.Sleep(59 * time.Minute)
		parkOn(t, &disk, "paused", "4")
		w := reopen(t, &disk, nil)
		w.source.Fail("left", credential.ErrDisconnected)
		w.source.Move("moved", "datadoghq.eu", "key", "another")
		w.source.Fail("old", credential.ErrNotReady)
		w.source.Fail("paused", credential.ErrNotReady)
		w.Start()
		defer w.Stop(t.Context())
		synctest.Wait()
		w.want(t, "sent [], in park 2, parked 0, redriven 2, expired 0, dropped map[disconnected:1 org_changed:1]")
		time.Sleep(2*time.Minute + time.Second)
		synctest.Wait()
		w.want(t, "sent [], in park 1, parked 0, redriven 2, expired 1, dropped map[disconnected:1 org_changed:1]")
		w.source.Grant("paused", "datadoghq.eu", "key", 1, false)
		synctest.Wait()
		w.want(t, "sent [4], in park 0, parked 0, redriven 3, expired 1, dropped map[disconnected:1 org_changed:1]")
	})
}

// TestWhatIsDamagedHarmsNoOther flips a bit of one outline and of another request's body.
func TestWhatIsDamagedHarmsNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var disk tenancytest.Disk
		parkOn(t, &disk, "acme", "first", "second", "third", "fourth")
		disk.Change(func(key string, value []byte) []byte {
			switch key {
			case "outline/0", "body/2":
				value[len(value)/2] ^= 1
			case "body/3":
				value = nil
			}
			return value
		})
		w := reopen(t, &disk, nil)
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		w.Start()
		defer w.Stop(t.Context())
		synctest.Wait()
		w.want(t, "sent [second], in park 0, parked 0, redriven 1, expired 0, dropped map[unreadable:3]")
		if disk.Keys() != 1 {
			t.Errorf("%d keys are left", disk.Keys())
		}
	})
}

// TestNobodyElsesBodyIsSent puts the body of one tenant where that of another was.
func TestNobodyElsesBodyIsSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var disk tenancytest.Disk
		parkOn(t, &disk, "acme", "of acme")
		parkOn(t, &disk, "globex", "of globex")
		other, err := disk.Get(t.Context(), "body/1")
		if err != nil {
			t.Fatal(err)
		}
		disk.Change(func(key string, value []byte) []byte {
			if key == "body/0" {
				return other
			}
			return value
		})
		w := reopen(t, &disk, nil)
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		w.source.Grant("globex", "datadoghq.eu", "key", 1, false)
		w.Start()
		defer w.Stop(t.Context())
		synctest.Wait()
		w.want(t, "sent [of globex], in park 0, parked 0, redriven 1, expired 0, dropped map[unreadable:1]")
	})
}

// TestWhatIsOfAnotherIsLeftAlone has data of a newer version, and of another exporter.
func TestWhatIsOfAnotherIsLeftAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var disk tenancytest.Disk
		parkOn(t, &disk, "acme", "of a newer version", "first")
		var newer []byte
		disk.Change(func(key string, value []byte) []byte {
			if key == "outline/0" {
				value[3]++
				newer = bytes.Clone(value)
			}
			return value
		})
		change := func(s *tenancy.Settings) { s.Store = tenancy.OpenStore(&disk, "datadogoauth/traces") }
		other := reopen(t, &disk, change)
		other.want(t, "sent [], in park 0, parked 0, redriven 0, expired 0, dropped map[]")
		w := reopen(t, &disk, nil)
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		w.Start()
		defer w.Stop(t.Context())
		synctest.Wait()
		for range 3 { // slots are used again, but not that one
			w.source.Fail("acme", credential.ErrPaused)
			if err := w.Push(t.Context(), of("acme", "second")); err != nil {
				t.Fatal(err)
			}
			w.source.Grant("acme", "datadoghq.eu", "key", 2, false)
			synctest.Wait()
		}
		w.want(t, "sent [first second second second], in park 0, parked 3, redriven 4, expired 0, dropped map[]")
		if got, err := disk.Get(t.Context(), "outline/0"); err != nil || !bytes.Equal(got, newer) || disk.Keys() != 3 {
			t.Errorf("%d keys are left: %v", disk.Keys(), err)
		}
	})
}

// TestAFullDiskLeavesDataInTheQueue fails while data is to be parked, evicted and read, and works again. In one case it had taken what it said
// it had not.
func TestAFullDiskLeavesDataInTheQueue(t *testing.T) {
	t.Parallel()
	for _, late := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) { fullDisk(t, late) })
	}
}

func fullDisk(t *testing.T, late bool) {
	var disk tenancytest.Disk
	w := newWorld(t, func(s *tenancy.Settings) {
		stored(&disk)(s)
		s.Park.PerTenantBytes = 2*1024 + 100
	})
	w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
	w.source.Fail("acme", credential.ErrPaused)
	w.Start()
	defer w.Stop(t.Context())
	for _, body := range []string{"1", "2"} {
		if err := w.Push(t.Context(), of("acme", body)); err != nil {
			t.Fatal(err)
		}
	}
	_, before := w.Dispatcher.Parked()
	disk.DieAt(1, late)
	three := of("acme", "3")
	for range 100 { // as often as exporterhelper likes, and after the retry budget
		err := w.Push(t.Context(), three)
		if err == nil || consumererror.IsPermanent(err) || !errors.Is(err, tenancytest.ErrDead) || !strings.Contains(err.Error(), "park logs of tenant acme") {
			t.Fatal(err)
		}
		three = three.OnError(err).(*intake.Request)
		time.Sleep(10 * time.Second)
	}
	if _, after := w.Dispatcher.Parked(); after != before {
		t.Errorf("%d bytes were parked, now %d", before, after)
	}
	w.want(t, "sent [], in park 2, parked 2, redriven 0, expired 0, dropped map[]")
	w.source.Grant("acme", "datadoghq.eu", "key", 2, false) // nothing can be read
	synctest.Wait()
	w.source.Fail("acme", credential.ErrPaused)
	disk.DieAt(0, false)
	if err := w.Push(t.Context(), three); err != nil {
		t.Fatal(err)
	}
	w.want(t, "sent [], in park 2, parked 3, redriven 0, expired 0, dropped map[park_full:1]")
	w.source.Grant("acme", "datadoghq.eu", "key", 3, false)
	time.Sleep(2 * time.Minute)
	synctest.Wait()
	w.want(t, "sent [2 3], in park 0, parked 3, redriven 2, expired 0, dropped map[park_full:1]")
	if disk.Keys() != 1 {
		t.Errorf("%d keys are left", disk.Keys())
	}
	again := reopen(t, &disk, nil)
	again.want(t, "sent [], in park 0, parked 0, redriven 0, expired 0, dropped map[]")
}

// TestAFullDiskUsesUpNoSlots tries often to write on one, and has little on it when it works again.
func TestAFullDiskUsesUpNoSlots(t *testing.T) {
	t.Parallel()
	for _, late := range []bool{false, true} {
		var disk tenancytest.Disk
		parkOn(t, &disk, "acme", "1", "2")
		w := reopen(t, &disk, nil)
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		w.source.Fail("acme", credential.ErrPaused)
		disk.DieAt(1, late)
		r := of("acme", "3")
		for range 1000 {
			err := w.Push(t.Context(), r)
			if err == nil {
				t.Fatal("parked")
			}
			r = r.OnError(err).(*intake.Request)
		}
		disk.DieAt(0, false)
		if err := w.Push(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if disk.Keys() != 1+3*2 { // a mark, outlines and bodies
			t.Errorf("late %t: %d keys", late, disk.Keys())
		}
		if got := left(t, &disk); got != "123" {
			t.Errorf("late %t: the next one has %q", late, got)
		}
	}
}

// TestHalvesThatCannotBeWritten has a disk that fails just when a request that timed out is cut.
func TestHalvesThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var disk tenancytest.Disk
		w := newWorld(t, func(s *tenancy.Settings) {
			stored(&disk)(s)
			noRetry(s)
		})
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		w.answers(func(r *intake.Request, call int) error {
			if call == 2 {
				disk.DieAt(1, false)
			}
			if call == 3 {
				disk.DieAt(0, false)
			}
			if len(r.Items) > 1 {
				return &intake.Unsent{Left: r, Down: true, Err: fmt.Errorf("send: %w", context.DeadlineExceeded)}
			}
			return nil
		})
		w.Start()
		_ = w.Push(t.Context(), of("acme", "1", "2", "3"))
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if items, bytes := w.Dispatcher.Parked(); len(w.sent) != 3 || items != 0 || bytes != 0 || w.redriven != 3 {
			t.Errorf("%d bytes are parked: %s", bytes, w.figures())
		}
		w.Stop(t.Context())
		if disk.Keys() != 1 {
			t.Errorf("%d keys are left", disk.Keys())
		}
	})
}

// TestWhatTheQueueRefusedAndTheDiskToo is nowhere: whoever has it keeps it.
func TestWhatTheQueueRefusedAndTheDiskToo(t *testing.T) {
	t.Parallel()
	var disk tenancytest.Disk
	w := newWorld(t, stored(&disk))
	w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
	disk.DieAt(1, false)
	if err := w.Park(errRefused, of("acme", "1"), of("acme", "2")); !errors.Is(err, tenancytest.ErrDead) {
		t.Errorf("got %v", err)
	}
	if parked, err := w.ParkIfRoom(of("acme", "1"), of("acme", "2")); parked || !errors.Is(err, tenancytest.ErrDead) {
		t.Errorf("got %v, %v", parked, err)
	}
	w.want(t, "sent [], in park 0, parked 0, redriven 0, expired 0, dropped map[]")
	if got := left(t, &disk); got != "" {
		t.Errorf("the next one has %q", got)
	}
}

// TestARefusedShareIsParkedInOneStep has a process that dies before and after the one transaction that it may take.
func TestARefusedShareIsParkedInOneStep(t *testing.T) {
	t.Parallel()
	for name, park := range map[string]func(*world, ...*intake.Request) error{
		"the rest":  func(w *world, rs ...*intake.Request) error { return w.Park(errRefused, rs...) },
		"all of it": func(w *world, rs ...*intake.Request) error { _, err := w.ParkIfRoom(rs...); return err },
	} {
		for _, dieAt := range []int{1, 2} {
			var disk tenancytest.Disk
			w := newWorld(t, stored(&disk))
			w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
			disk.DieAt(dieAt, false)
			event := of("acme", "2")
			event.Family = intake.Events
			err := park(w, of("acme", "1"), event)
			if (err == nil) != (dieAt == 2) {
				t.Errorf("%s: got %v", name, err)
			}
			disk.DieAt(0, false)
			again := reopen(t, &disk, nil)
			if items, _ := again.Dispatcher.Parked(); items != 2*(dieAt-1) {
				t.Errorf("%s, dead at transaction %d: %d are parked", name, dieAt, items)
			}
		}
	}
}

// TestTheStorageMustBeReadable has one that is not.
func TestTheStorageMustBeReadable(t *testing.T) {
	t.Parallel()
	var disk tenancytest.Disk
	disk.DieAt(1, false)
	_ = disk.Set(t.Context(), "key", nil)
	w := newWorld(t, stored(&disk))
	if err := w.Restore(nil); !errors.Is(err, tenancytest.ErrDead) || !strings.Contains(err.Error(), "read what is parked") {
		t.Error(err)
	}
}

// TestTheLimitsAreKeptExactly has many workers that park at the same time, on a disk and in memory.
func TestTheLimitsAreKeptExactly(t *testing.T) {
	t.Parallel()
	for _, each := range []int{0, 1024} {
		synctest.Test(t, func(t *testing.T) {
			var disk tenancytest.Disk
			limits := tenancy.ParkLimits{PerTenantBytes: 3 * (each + 20), TotalBytes: 8 * (each + 20)}
			w := newWorld(t, func(s *tenancy.Settings) {
				if each > 0 {
					stored(&disk)(s)
				}
				s.Park = limits
			})
			for i := range 8 {
				w.source.Grant(fmt.Sprint("tenant-", i), "datadoghq.eu", "key", 1, false)
				w.source.Fail(fmt.Sprint("tenant-", i), credential.ErrPaused)
			}
			var mu sync.Mutex
			most := 0
			w.whenParked = func() {
				_, bytes := w.Dispatcher.Parked()
				mu.Lock()
				defer mu.Unlock()
				most = max(most, bytes)
			}
			w.Start()
			defer w.Stop(t.Context())
			p := newPool(t, w, 40)
			const requests = 800
			for i := range requests {
				p.queue <- of(fmt.Sprint("tenant-", i%8), fmt.Sprintf("%03d", i))
			}
			p.stop()
			if most > limits.TotalBytes || most < limits.TotalBytes/2 {
				t.Errorf("%d bytes were parked, %d may be", most, limits.TotalBytes)
			}
			for i := range 8 {
				w.source.Grant(fmt.Sprint("tenant-", i), "datadoghq.eu", "key", 2, false)
			}
			synctest.Wait()
			if lost := w.dropped[intake.ReasonParkFull]; len(w.sent)+lost != requests || len(w.sent) != 8 || len(w.dropped) != 1 {
				t.Errorf("%d sent, dropped %v", len(w.sent), w.dropped)
			}
			if items, bytes := w.Dispatcher.Parked(); items != 0 || bytes != 0 {
				t.Errorf("%d items, %d bytes are left", items, bytes)
			}
			if each > 0 && disk.Keys() != 1 {
				t.Errorf("%d keys are left", disk.Keys())
			}
		})
	}
}

// TestADiskThatFailsIsToldOnceAMinute has one that takes every other request.
func TestADiskThatFailsIsToldOnceAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		core, logged := observer.New(zapcore.InfoLevel)
		var disk tenancytest.Disk
		w := newWorld(t, func(s *tenancy.Settings) {
			stored(&disk)(s)
			s.Logger = zap.New(core)
		})
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		w.source.Fail("acme", credential.ErrPaused)
		for range 80 {
			disk.DieAt(1, false)
			if w.Push(t.Context(), of("acme", "1")) == nil {
				t.Fatal("not written")
			}
			disk.DieAt(0, false)
			if err := w.Push(t.Context(), of("acme", "2")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if fails, works := logged.FilterMessageSnippet("storage of parked data fails").Len(), logged.FilterMessageSnippet("works again").Len(); fails != 2 || works != 2 {
			t.Errorf("the log says %d times that it fails, and %d times that it works", fails, works)
		}
	})
}
