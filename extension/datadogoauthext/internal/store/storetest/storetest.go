// Package storetest holds what every Store has to do, as tests that each implementation runs.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// Subject is one empty store under test.
type Subject struct {
	Store store.Store
	// Reopen closes the store and opens the same records again, as a restart does. The suite closes what it returns.
	Reopen func() store.Store
	// Pass lets d pass by the clock of leases.
	Pass func(d time.Duration)
}

// Run runs the suite. open makes an empty store for each test; whatever it needs to clean up it leaves to t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	for name, test := range map[string]func(*testing.T, Subject){
		"a record goes through its life":              life,
		"an answer is the caller's own":               ownership,
		"a change with another version is a conflict": conflicts,
		"all changes happen or none":                  atomicity,
		"changes happen in their order":               order,
		"one of many writers wins":                    race,
		"list walks one kind in order of key":         list,
		"list stops at the first error":               listStops,
		"yield may call the store":                    listReentrant,
		"a range is what lies between its bounds":     ranges,
		"a range stops at the first error":            rangeStops,
		"a range is swept while records are added":    sweeping,
		"what was written is there after a restart":   durability,
		"a lease has one holder":                      leases,
		"a lease runs out":                            leaseExpiry,
		"fences grow across a restart":                fences,
		"a call that was given up does nothing":       cancelled,
		"a closed store refuses":                      closed,
		"a change without an address is refused":      addresses,
		"a key has 2048 bytes at most":                longKeys,
		"an import puts versions as they are":         importing,
		"an import happens as a whole or not at all":  importRefuses,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			t.Cleanup(func() { _ = s.Store.Close() })
			test(t, s)
		})
	}
}

func put(kind store.Kind, key string, version uint64, value string) store.Change {
	return store.Change{Record: store.Record{Kind: kind, Key: key, Version: version, Value: []byte(value)}}
}

func remove(kind store.Kind, key string, version uint64) store.Change {
	return store.Change{Record: store.Record{Kind: kind, Key: key, Version: version}, Delete: true}
}

func life(t *testing.T, s Subject) {
	ctx := t.Context()
	if _, err := s.Store.Get(ctx, store.KindGrant, "acme"); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("before: got %v, want ErrNotFound", err)
	}
	for version, value := range []string{"one", "two", ""} {
		must(t, s.Store.Apply(ctx, put(store.KindGrant, "acme", uint64(version), value)))
		got, err := s.Store.Get(ctx, store.KindGrant, "acme")
		if err != nil || got.Kind != store.KindGrant || got.Key != "acme" || got.Version != uint64(version)+1 || string(got.Value) != value {
			t.Fatalf("got %+v, %v; want %q in version %d", got, err, value, version+1)
		}
	}
	if _, err := s.Store.Get(ctx, store.KindToken, "acme"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("under another kind: got %v, want ErrNotFound", err)
	}
	must(t, s.Store.Apply(ctx, remove(store.KindGrant, "acme", 3)))
	if _, err := s.Store.Get(ctx, store.KindGrant, "acme"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("afterwards: got %v, want ErrNotFound", err)
	}
	must(t, s.Store.Apply(ctx)) // nothing to do is fine
}

func ownership(t *testing.T, s Subject) {
	ctx := t.Context()
	change := put(store.KindGrant, "acme", 0, "value")
	must(t, s.Store.Apply(ctx, change))
	change.Value[0] = 'X'
	got, err := s.Store.Get(ctx, store.KindGrant, "acme")
	must(t, err)
	got.Value[1] = 'X'
	again, err := s.Store.Get(ctx, store.KindGrant, "acme")
	must(t, err)
	if string(again.Value) != "value" {
		t.Errorf("somebody else's slice changed the store to %q", again.Value)
	}
}

func conflicts(t *testing.T, s Subject) {
	ctx := t.Context()
	must(t, s.Store.Apply(ctx, put(store.KindGrant, "acme", 0, "one")))
	must(t, s.Store.Apply(ctx, put(store.KindGrant, "acme", 1, "two")))
	for name, change := range map[string]store.Change{
		"made a second time":       put(store.KindGrant, "acme", 0, "x"),
		"an older version":         put(store.KindGrant, "acme", 1, "x"),
		"a version to come":        put(store.KindGrant, "acme", 3, "x"),
		"deleted by an older one":  remove(store.KindGrant, "acme", 1),
		"changed, never made":      put(store.KindGrant, "globex", 1, "x"),
		"deleted, never made":      remove(store.KindGrant, "globex", 1),
		"deleted as if not there":  remove(store.KindGrant, "acme", 0),
		"of another kind, as this": put(store.KindToken, "acme", 2, "x"),
	} {
		if err := s.Store.Apply(ctx, change); !errors.Is(err, store.ErrConflict) {
			t.Errorf("%s: got %v, want ErrConflict", name, err)
		}
	}
	if got, err := s.Store.Get(ctx, store.KindGrant, "acme"); err != nil || got.Version != 2 || string(got.Value) != "two" {
		t.Errorf("a conflict changed the record to %+v, %v", got, err)
	}
}

func atomicity(t *testing.T, s Subject) {
	ctx := t.Context()
	must(t, s.Store.Apply(ctx, put(store.KindOrg, "org", 0, "one")))
	err := s.Store.Apply(ctx,
		put(store.KindGrant, "acme", 0, "x"), put(store.KindOrg, "org", 1, "x"), remove(store.KindToken, "acme", 5))
	if !errors.Is(err, store.ErrConflict) {
		t.Fatalf("got %v, want ErrConflict", err)
	}
	if _, err := s.Store.Get(ctx, store.KindGrant, "acme"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the first change stayed: %v", err)
	}
	if got, err := s.Store.Get(ctx, store.KindOrg, "org"); err != nil || got.Version != 1 {
		t.Errorf("the second change stayed: %+v, %v", got, err)
	}
}

func order(t *testing.T, s Subject) {
	ctx := t.Context()
	must(t, s.Store.Apply(ctx,
		put(store.KindGrant, "acme", 0, "one"), put(store.KindGrant, "acme", 1, "two"),
		put(store.KindGrant, "globex", 0, "x"), remove(store.KindGrant, "globex", 1)))
	if got, err := s.Store.Get(ctx, store.KindGrant, "acme"); err != nil || got.Version != 2 || string(got.Value) != "two" {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := s.Store.Get(ctx, store.KindGrant, "globex"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("made and deleted at once: got %v", err)
	}
}

func race(t *testing.T, s Subject) {
	ctx := t.Context()
	var won atomic.Int32
	var writers sync.WaitGroup
	for i := range 8 {
		writers.Go(func() {
			switch err := s.Store.Apply(ctx, put(store.KindGrant, "acme", 0, fmt.Sprint(i))); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, store.ErrConflict):
				t.Errorf("a loser got %v, want ErrConflict", err)
			}
		})
	}
	writers.Wait()
	if won.Load() != 1 {
		t.Errorf("%d writers won", won.Load())
	}
}

// manyRecords is more than an implementation is likely to fetch at once.
const manyRecords = 1300

func fill(t *testing.T, s Subject) (keys []string) {
	t.Helper()
	var changes []store.Change
	for i := range manyRecords {
		key := fmt.Sprintf("tenant-%d", i)
		keys = append(keys, key)
		changes = append(changes, put(store.KindGrant, key, 0, key))
	}
	keys = append(keys, "Zürich", "zürich", "z\x00r")
	changes = append(changes, put(store.KindGrant, "Zürich", 0, "Zürich"), put(store.KindGrant, "zürich", 0, "zürich"),
		put(store.KindGrant, "z\x00r", 0, "z\x00r"), put(store.KindOrg, "not this kind", 0, ""))
	slices.Sort(keys)
	must(t, s.Store.Apply(t.Context(), changes...))
	return keys
}

func list(t *testing.T, s Subject) {
	want := fill(t, s)
	var got []string
	must(t, s.Store.List(t.Context(), store.KindGrant, func(r store.Record) error {
		if r.Kind != store.KindGrant || string(r.Value) != r.Key || r.Version != 1 {
			t.Errorf("got %+v", r)
		}
		got = append(got, r.Key)
		return nil
	}))
	if !slices.Equal(got, want) {
		t.Errorf("got %d keys, want %d in order of bytes", len(got), len(want))
	}
	must(t, s.Store.List(t.Context(), store.KindFlow, func(r store.Record) error {
		t.Errorf("a kind without records has %+v", r)
		return nil
	}))
}

func listStops(t *testing.T, s Subject) {
	fill(t, s)
	enough := errors.New("enough")
	calls := 0
	err := s.Store.List(t.Context(), store.KindGrant, func(store.Record) error {
		calls++
		if calls == 3 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || calls != 3 {
		t.Errorf("got %v after %d calls", err, calls)
	}
}

func listReentrant(t *testing.T, s Subject) {
	ctx := t.Context()
	fill(t, s)
	left := 0
	must(t, s.Store.List(ctx, store.KindGrant, func(r store.Record) error {
		if left++; left > 5 {
			return nil
		}
		return s.Store.Apply(ctx, remove(r.Kind, r.Key, r.Version))
	}))
	if want := manyRecords + 3; left != want {
		t.Errorf("walked %d records, want %d", left, want)
	}
}

func durability(t *testing.T, s Subject) {
	ctx := t.Context()
	must(t, s.Store.Apply(ctx, put(store.KindGrant, "acme", 0, "one")))
	must(t, s.Store.Apply(ctx, put(store.KindGrant, "acme", 1, "two")))
	again := s.Reopen()
	t.Cleanup(func() { _ = again.Close() })
	if got, err := again.Get(ctx, store.KindGrant, "acme"); err != nil || got.Version != 2 || string(got.Value) != "two" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func leases(t *testing.T, s Subject) {
	ctx := t.Context()
	first, err := s.Store.Lease(ctx, "refresh/acme", time.Minute)
	must(t, err)
	if _, err := s.Store.Lease(ctx, "refresh/acme", time.Minute); !errors.Is(err, store.ErrHeld) {
		t.Errorf("a second holder: got %v, want ErrHeld", err)
	}
	if _, err := s.Store.Lease(ctx, "refresh/globex", time.Minute); err != nil {
		t.Errorf("another name: %v", err)
	}
	must(t, first.Release(ctx))
	must(t, first.Release(ctx)) // twice does no harm
	second, err := s.Store.Lease(ctx, "refresh/acme", time.Minute)
	must(t, err)
	if second.Fence() <= first.Fence() {
		t.Errorf("fence %d does not follow %d", second.Fence(), first.Fence())
	}
	must(t, first.Release(ctx))
	if _, err := s.Store.Lease(ctx, "refresh/acme", time.Minute); !errors.Is(err, store.ErrHeld) {
		t.Errorf("the release of an old lease ended a newer one: %v", err)
	}
	if _, err := s.Store.Lease(ctx, "refresh/initech", 0); err == nil {
		t.Error("a lease without a time to live was given")
	}
}

func leaseExpiry(t *testing.T, s Subject) {
	ctx := t.Context()
	first, err := s.Store.Lease(ctx, "refresh/acme", time.Minute)
	must(t, err)
	s.Pass(59 * time.Second)
	if _, err := s.Store.Lease(ctx, "refresh/acme", time.Minute); !errors.Is(err, store.ErrHeld) {
		t.Errorf("a second early: got %v, want ErrHeld", err)
	}
	s.Pass(2 * time.Second)
	second, err := s.Store.Lease(ctx, "refresh/acme", time.Minute)
	must(t, err)
	if second.Fence() <= first.Fence() {
		t.Errorf("fence %d does not follow %d", second.Fence(), first.Fence())
	}
}

func fences(t *testing.T, s Subject) {
	ctx := t.Context()
	var last uint64
	for range 3 {
		lease, err := s.Store.Lease(ctx, "refresh/acme", time.Minute)
		must(t, err)
		if last >= lease.Fence() {
			t.Errorf("fence %d does not follow %d", lease.Fence(), last)
		}
		last = lease.Fence()
		must(t, lease.Release(ctx))
	}
	again := s.Reopen()
	t.Cleanup(func() { _ = again.Close() })
	lease, err := again.Lease(ctx, "refresh/acme", time.Minute)
	must(t, err)
	if lease.Fence() <= last {
		t.Errorf("after a restart fence %d does not follow %d", lease.Fence(), last)
	}
	if aYearAgo := uint64(time.Now().AddDate(-1, 0, 0).UnixMicro()); lease.Fence() < aYearAgo {
		t.Errorf("fence %d is below those that a record from another store may bear, about %d", lease.Fence(), aYearAgo)
	}
}

func cancelled(t *testing.T, s Subject) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, getErr := s.Store.Get(ctx, store.KindGrant, "acme")
	_, leaseErr := s.Store.Lease(ctx, "refresh/acme", time.Minute)
	for name, err := range map[string]error{
		"get":   getErr,
		"lease": leaseErr,
		"apply": s.Store.Apply(ctx, put(store.KindGrant, "acme", 0, "x")),
		"list":  s.Store.List(ctx, store.KindGrant, func(store.Record) error { return nil }),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := s.Store.Get(t.Context(), store.KindGrant, "acme"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the change happened all the same: %v", err)
	}
}

func closed(t *testing.T, s Subject) {
	must(t, s.Store.Close())
	must(t, s.Store.Close())
	if _, err := s.Store.Get(t.Context(), store.KindGrant, "acme"); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("get: %v", err)
	}
	if err := s.Store.Apply(t.Context(), put(store.KindGrant, "acme", 0, "x")); err == nil {
		t.Error("apply succeeded")
	}
}

func addresses(t *testing.T, s Subject) {
	for name, change := range map[string]store.Change{"no key": put(store.KindGrant, "", 0, "x"), "no kind": put("", "acme", 0, "x")} {
		if err := s.Store.Apply(t.Context(), change); err == nil || errors.Is(err, store.ErrConflict) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// A key that cannot be compressed is the longest one for an index.
func longKeys(t *testing.T, s Subject) {
	ctx := t.Context()
	key := make([]byte, 2048)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(key)
	must(t, s.Store.Apply(ctx, put(store.KindGrant, string(key), 0, "x")))
	if got, err := s.Store.Get(ctx, store.KindGrant, string(key)); err != nil || string(got.Value) != "x" {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := s.Store.Apply(ctx, put(store.KindGrant, string(key)+"x", 0, "x")); err == nil {
		t.Error("a longer key was stored")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
