package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// ranges compares what a store finds with a plain filter of all keys, for every combination of bounds, direction and limit.
func ranges(t *testing.T, s Subject) {
	keys := fill(t, s)
	middle, last := keys[len(keys)/2], keys[len(keys)-1]
	bounds := []string{"", "a", "tenant-1", "tenant-10", middle, middle + "\x00", "tenant-999", last, "\xff"}
	for _, after := range bounds {
		for _, before := range bounds {
			for _, limit := range []int{0, 1, 3, 256, 1000, 2000} {
				for _, back := range []bool{false, true} {
					r := store.Range{After: after, Before: before, Limit: limit, Back: back, KeysOnly: limit == 3}
					if got, want := walk(t, s.Store, r), chosen(keys, r); !slices.Equal(got, want) {
						t.Errorf("%+v: got %d keys from %.1q, want %d from %.1q", r, len(got), got, len(want), want)
					}
				}
			}
		}
	}
	if got := walk(t, s.Store, store.Prefix("tenant-12")); len(got) != 110 {
		t.Errorf("got %d keys that begin with tenant-12 and are longer, want 110", len(got))
	}
}

func walk(t *testing.T, st store.Store, r store.Range) (keys []string) {
	t.Helper()
	must(t, st.Range(t.Context(), store.KindGrant, r, func(rec store.Record) error {
		if want := rec.Key; rec.Kind != store.KindGrant || rec.Version != 1 || !r.KeysOnly && string(rec.Value) != want || r.KeysOnly && rec.Value != nil {
			t.Errorf("%+v: got %+v", r, rec)
		}
		keys = append(keys, rec.Key)
		return nil
	}))
	return keys
}

func chosen(sorted []string, r store.Range) (keys []string) {
	for _, key := range sorted {
		if (r.After == "" || key > r.After) && (r.Before == "" || key < r.Before) {
			keys = append(keys, key)
		}
	}
	if r.Back {
		slices.Reverse(keys)
	}
	if r.Limit > 0 {
		keys = keys[:min(len(keys), r.Limit)]
	}
	return keys
}

func rangeStops(t *testing.T, s Subject) {
	fill(t, s)
	enough := errors.New("enough")
	calls := 0
	err := s.Store.Range(t.Context(), store.KindGrant, store.Range{Back: true}, func(store.Record) error {
		if calls++; calls == 3 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || calls != 3 {
		t.Errorf("got %v after %d calls", err, calls)
	}
}

// sweeping deletes the lower half, some hundred at a time, while records are added above.
func sweeping(t *testing.T, s Subject) {
	ctx := t.Context()
	keys := fill(t, s)
	end := keys[len(keys)/2]
	for i := 0; ; i++ {
		var gone []store.Change
		must(t, s.Store.Range(ctx, store.KindGrant, store.Range{Before: end, Limit: 100, KeysOnly: true}, func(r store.Record) error {
			gone = append(gone, remove(r.Kind, r.Key, r.Version))
			return nil
		}))
		if len(gone) == 0 {
			break
		}
		must(t, s.Store.Apply(ctx, append(gone, put(store.KindGrant, fmt.Sprintf("zz-%d", i), 0, ""))...))
	}
	var left []string
	must(t, s.Store.List(ctx, store.KindGrant, func(r store.Record) error {
		left = append(left, r.Key)
		return nil
	}))
	if want := len(keys) - len(keys)/2 + (len(keys)/2+99)/100; len(left) != want || left[0] != end {
		t.Errorf("%d records are left, the first is %q; want %d from %q", len(left), left[0], want, end)
	}
}
