package storetest

import (
	"errors"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

func record(kind store.Kind, key string, version uint64, value string) store.Record {
	return store.Record{Kind: kind, Key: key, Version: version, Value: []byte(value)}
}

func importing(t *testing.T, s Subject) {
	ctx := t.Context()
	must(t, s.Store.Apply(ctx, put(store.KindGrant, "acme", 0, "one"), put(store.KindGrant, "globex", 0, "stays")))
	must(t, s.Store.Import(ctx, record(store.KindGrant, "acme", 7, "seven"), record(store.KindOrg, "org", 3, ""),
		record(store.KindToken, "twice", 2, "first"), record(store.KindToken, "twice", 1, "last")))
	must(t, s.Store.Import(ctx, record(store.KindOrg, "org", 2, "older"))) // as a restore does
	must(t, s.Store.Import(ctx))                                           // nothing to do is fine
	again := s.Reopen()
	t.Cleanup(func() { _ = again.Close() })
	for _, want := range []store.Record{
		record(store.KindGrant, "acme", 7, "seven"), record(store.KindGrant, "globex", 1, "stays"),
		record(store.KindOrg, "org", 2, "older"), record(store.KindToken, "twice", 1, "last"),
	} {
		got, err := again.Get(ctx, want.Kind, want.Key)
		if err != nil || got.Version != want.Version || string(got.Value) != string(want.Value) {
			t.Errorf("%s %s: got version %d %q, %v; want version %d %q", want.Kind, want.Key, got.Version, got.Value, err, want.Version, want.Value)
		}
	}
	if err := again.Apply(ctx, put(store.KindGrant, "acme", 1, "x")); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a change of the version before the import: got %v, want ErrConflict", err)
	}
	must(t, again.Apply(ctx, put(store.KindGrant, "acme", 7, "eight")))
}

func importRefuses(t *testing.T, s Subject) {
	ctx := t.Context()
	for name, bad := range map[string]store.Record{
		"no version": record(store.KindOrg, "org", 0, "x"),
		"no key":     record(store.KindOrg, "", 1, "x"),
		"no kind":    record("", "org", 1, "x"),
	} {
		if err := s.Store.Import(ctx, record(store.KindGrant, "acme", 1, "x"), bad); err == nil {
			t.Errorf("%s: imported", name)
		}
	}
	if _, err := s.Store.Get(ctx, store.KindGrant, "acme"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("what came beside a record that was refused: got %v, want ErrNotFound", err)
	}
}
