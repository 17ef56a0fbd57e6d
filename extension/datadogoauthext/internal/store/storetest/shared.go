package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// RunShared runs the suite of stores that several processes write to. open makes an empty store, opened twice.
func RunShared(t *testing.T, open func(t *testing.T) (one, two store.Shared)) {
	for name, test := range map[string]func(t *testing.T, one, two store.Shared){
		"changes come in order, at their latest version":      changes,
		"a record that is made again comes after its end":     remade,
		"an import comes after the end of what was there":     importedChanges,
		"changes of one commit that fill many pages all come": manyChanges,
		"yield may call the store and stop the walk":          changesYield,
		"changes of some kinds come alone":                    changesOfKinds,
		"a place of nobody's is gone":                         unknownPlace,
		"whoever follows many writers ends up right":          followed,
		"writers of the same records in any order all get on": crossing,
		"a lease has one holder among processes":              sharedLease,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one, two := open(t)
			t.Cleanup(func() { _, _ = one.Close(), two.Close() })
			test(t, one, two)
		})
	}
}

func changesOfKinds(t *testing.T, one, two store.Shared) {
	ctx := t.Context()
	at, err := two.Cursor(ctx)
	must(t, err)
	must(t, one.Apply(ctx, put(store.KindGrant, "acme", 0, "x"), put(store.KindAudit, "a", 0, "x"), put(store.KindOrg, "org", 0, "x"), put(store.KindAudit, "b", 0, "x")))
	must(t, one.Apply(ctx, remove(store.KindAudit, "a", 1), remove(store.KindGrant, "acme", 1)))
	var told []string
	next, err := two.Changes(ctx, at, []store.Kind{store.KindGrant, store.KindOrg}, func(r store.Record) error {
		told = append(told, string(r.Kind))
		return nil
	})
	must(t, err)
	if !slices.Equal(told, []string{"org", "grant"}) {
		t.Errorf("told of %v", told)
	}
	must(t, one.Apply(ctx, put(store.KindAudit, "c", 0, "x"))) // nothing is to tell, and the place goes on
	after, err := two.Changes(ctx, next, []store.Kind{store.KindGrant}, func(r store.Record) error {
		t.Errorf("told of %s %s", r.Kind, r.Key)
		return nil
	})
	must(t, err)
	if now, err := two.Cursor(ctx); err != nil || after != now {
		t.Errorf("the place is %d, want %d (%v)", after, now, err)
	}
}

// follower holds what it was told.
type follower struct {
	at   store.Cursor
	held map[string]store.Record
	told []string // kind/key/version, with a minus before a deletion
}

func follow(t *testing.T, s store.Shared) *follower {
	t.Helper()
	at, err := s.Cursor(t.Context())
	must(t, err)
	return &follower{at: at, held: map[string]store.Record{}}
}

func (f *follower) ask(ctx context.Context, t *testing.T, s store.Shared) {
	t.Helper()
	next, err := s.Changes(ctx, f.at, nil, func(r store.Record) error {
		name := string(r.Kind) + "/" + r.Key
		if r.Value == nil {
			f.told = append(f.told, fmt.Sprintf("-%s/%d", name, r.Version))
			delete(f.held, name)
			return nil
		}
		f.told = append(f.told, fmt.Sprintf("%s/%d", name, r.Version))
		if have, ok := f.held[name]; ok && have.Version >= r.Version {
			t.Errorf("%s went from version %d to %d without an end in between", name, have.Version, r.Version)
		}
		f.held[name] = r
		return nil
	})
	must(t, err)
	if next < f.at {
		t.Errorf("the place went back from %d to %d", f.at, next)
	}
	f.at = next
}

func (f *follower) want(t *testing.T, told ...string) {
	t.Helper()
	if !slices.Equal(f.told, told) {
		t.Errorf("told %v, want %v", f.told, told)
	}
	f.told = nil
}

func changes(t *testing.T, one, two store.Shared) {
	ctx := t.Context()
	must(t, one.Apply(ctx, put(store.KindGrant, "before", 0, "x")))
	f := follow(t, two)
	f.ask(ctx, t, two)
	f.want(t)
	must(t, one.Apply(ctx, put(store.KindGrant, "b", 0, "x")))
	must(t, two.Apply(ctx, put(store.KindGrant, "a", 0, "")))
	must(t, one.Apply(ctx, put(store.KindOrg, "c", 0, "x"), remove(store.KindGrant, "before", 1)))
	must(t, one.Apply(ctx, put(store.KindGrant, "b", 1, "y")))
	f.ask(ctx, t, two)
	f.want(t, "grant/a/1", "-grant/before/1", "org/c/1", "grant/b/2")
	f.ask(ctx, t, two)
	f.want(t)
	if err := one.Apply(ctx, put(store.KindGrant, "b", 1, "y")); !errors.Is(err, store.ErrConflict) {
		t.Errorf("got %v", err)
	}
	must(t, one.Apply(ctx, put(store.KindGrant, "passing", 0, "x"), remove(store.KindGrant, "passing", 1)))
	f.ask(ctx, t, two)
	f.want(t)
	if got := f.held["grant/b"]; string(got.Value) != "y" {
		t.Errorf("got %+v", got)
	}
}

func remade(t *testing.T, one, two store.Shared) {
	ctx := t.Context()
	must(t, one.Apply(ctx, put(store.KindGrant, "acme", 0, "old"), put(store.KindGrant, "acme", 1, "old")))
	f := follow(t, two)
	must(t, one.Apply(ctx, remove(store.KindGrant, "acme", 2)))
	must(t, one.Apply(ctx, put(store.KindGrant, "acme", 0, "new")))
	f.ask(ctx, t, two)
	f.want(t, "-grant/acme/2", "grant/acme/1")
	must(t, one.Apply(ctx, remove(store.KindGrant, "acme", 1), put(store.KindGrant, "acme", 0, "newest")))
	f.ask(ctx, t, two)
	f.want(t, "-grant/acme/1", "grant/acme/1")
	if got := f.held["grant/acme"]; string(got.Value) != "newest" {
		t.Errorf("got %+v", got)
	}
}

func importedChanges(t *testing.T, one, two store.Shared) {
	ctx := t.Context()
	must(t, one.Apply(ctx, put(store.KindGrant, "acme", 0, "x"), put(store.KindGrant, "acme", 1, "x")))
	f := follow(t, two)
	must(t, one.Import(ctx, record(store.KindGrant, "acme", 1, "restored"), record(store.KindGrant, "globex", 9, "restored")))
	f.ask(ctx, t, two)
	f.want(t, "-grant/acme/2", "grant/acme/1", "grant/globex/9")
}

func manyChanges(t *testing.T, one, two store.Shared) {
	f := follow(t, two)
	want := fill(t, Subject{Store: one})
	f.ask(t.Context(), t, two)
	if len(f.told) != len(want)+1 || len(f.held) != len(f.told) {
		t.Errorf("told %d changes of %d records, want %d of each", len(f.told), len(f.held), len(want)+1)
	}
}

func changesYield(t *testing.T, one, two store.Shared) {
	ctx := t.Context()
	at, err := two.Cursor(ctx)
	must(t, err)
	must(t, one.Apply(ctx, put(store.KindGrant, "acme", 0, "x"), put(store.KindGrant, "globex", 0, "x")))
	enough := errors.New("enough")
	_, err = two.Changes(ctx, at, nil, func(r store.Record) error {
		if err := two.Apply(ctx, put(r.Kind, r.Key, r.Version, "y")); err != nil {
			return err
		}
		return enough
	})
	if !errors.Is(err, enough) {
		t.Errorf("got %v, want the error of yield", err)
	}
	f := &follower{at: at, held: map[string]store.Record{}}
	f.ask(ctx, t, two)
	f.want(t, "grant/globex/1", "grant/acme/2")
}

func unknownPlace(t *testing.T, one, _ store.Shared) {
	ctx := t.Context()
	at, err := one.Cursor(ctx)
	must(t, err)
	for _, place := range []store.Cursor{0, at - 1, at + 1, 1<<64 - 1} {
		if _, err := one.Changes(ctx, place, nil, func(store.Record) error { return nil }); !errors.Is(err, store.ErrCursorGone) {
			t.Errorf("%d: got %v, want ErrCursorGone", place, err)
		}
	}
}

// Writers make, change, delete and remake a few records in changes of two at a time, while a follower asks all the time. A change
// that became visible behind the follower's place would be missing at the end.
func followed(t *testing.T, one, two store.Shared) {
	ctx := t.Context()
	f := follow(t, two)
	var writers sync.WaitGroup
	done := make(chan struct{})
	for i := range 8 {
		s := []store.Shared{one, two}[i%2]
		writers.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 1))
			for range 40 {
				if err := s.Apply(ctx, someChange(ctx, t, s, random), someChange(ctx, t, s, random)); err != nil && !errors.Is(err, store.ErrConflict) {
					t.Errorf("write: %v", err)
				}
			}
		})
	}
	go func() {
		writers.Wait()
		close(done)
	}()
	for asked := false; !asked; {
		select {
		case <-done:
			asked = true // once more, now that nobody writes
		default:
		}
		f.ask(ctx, t, two)
	}
	left := len(f.held)
	must(t, one.List(ctx, store.KindGrant, func(r store.Record) error {
		held := f.held["grant/"+r.Key]
		if held.Version != r.Version || string(held.Value) != string(r.Value) {
			t.Errorf("%s: follower has version %d %q, the store %d %q", r.Key, held.Version, held.Value, r.Version, r.Value)
		}
		left--
		return nil
	}))
	if left != 0 {
		t.Errorf("the follower has %d records too many", left)
	}
	if len(f.told) < 100 {
		t.Errorf("only %d changes were told", len(f.told))
	}
}

func someChange(ctx context.Context, t *testing.T, s store.Store, random *rand.Rand) store.Change {
	key := fmt.Sprint("tenant-", random.IntN(20))
	have, err := s.Get(ctx, store.KindGrant, key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Errorf("read: %v", err)
	}
	if have.Version > 0 && random.IntN(3) == 0 {
		return remove(store.KindGrant, key, have.Version)
	}
	return put(store.KindGrant, key, have.Version, fmt.Sprint(random.Uint64()))
}

// Each writer changes all records at once, in an order of its own, until it has won. Each of them must get there, and nothing be lost.
func crossing(t *testing.T, one, two store.Shared) {
	ctx := t.Context()
	keys := []string{"a", "b", "c", "d"}
	const writersEach, rounds = 3, 5
	var writers sync.WaitGroup
	for i := range 2 * writersEach {
		s := []store.Shared{one, two}[i%2]
		writers.Go(func() {
			mine := slices.Clone(keys)
			if i%4 > 1 {
				slices.Reverse(mine)
			}
			for round := 0; round < rounds; {
				var all []store.Change
				for _, key := range mine {
					have, err := s.Get(ctx, store.KindGrant, key)
					if err != nil && !errors.Is(err, store.ErrNotFound) {
						t.Errorf("read: %v", err)
					}
					all = append(all, put(store.KindGrant, key, have.Version, "x"))
				}
				switch err := s.Apply(ctx, all...); {
				case err == nil:
					round++
				case !errors.Is(err, store.ErrConflict):
					t.Errorf("write: %v", err)
					return
				}
			}
		})
	}
	writers.Wait()
	for _, key := range keys {
		if have, err := one.Get(ctx, store.KindGrant, key); err != nil || have.Version != 2*writersEach*rounds {
			t.Errorf("%s: version %d, %v; want %d", key, have.Version, err, 2*writersEach*rounds)
		}
	}
}

func sharedLease(t *testing.T, one, two store.Shared) {
	ctx := t.Context()
	var (
		takers sync.WaitGroup
		mu     sync.Mutex // guards won
		won    []store.Lease
	)
	for i := range 8 {
		s := []store.Shared{one, two}[i%2]
		takers.Go(func() {
			lease, err := s.Lease(ctx, "mint/org", 1<<40)
			if err == nil {
				mu.Lock()
				won = append(won, lease)
				mu.Unlock()
			} else if !errors.Is(err, store.ErrHeld) {
				t.Errorf("a loser got %v, want ErrHeld", err)
			}
		})
	}
	takers.Wait()
	if len(won) != 1 {
		t.Fatalf("%d processes hold the lease", len(won))
	}
	must(t, won[0].Release(ctx))
	next, err := two.Lease(ctx, "mint/org", 1<<40)
	must(t, err)
	if next.Fence() <= won[0].Fence() {
		t.Errorf("fence %d does not follow %d", next.Fence(), won[0].Fence())
	}
}
