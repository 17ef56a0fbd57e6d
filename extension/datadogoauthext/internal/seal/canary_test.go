package seal_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

func TestProveLetsTheRightKeysetsInAndNoOther(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	tokens, keys := newKeyset(t), newKeyset(t)
	for range 2 { // the first time writes the canaries, the second opens them
		if err := errors.Join(seal.Prove(t.Context(), st, "tokens", tokens), seal.Prove(t.Context(), st, "keys", keys)); err != nil {
			t.Fatal(err)
		}
	}
	before := canaries(t, st)
	for name, ks := range map[string]*seal.Keyset{"tokens": keys, "keys": newKeyset(t)} {
		err := seal.Prove(t.Context(), st, name, ks)
		if !errors.Is(err, seal.ErrWrongKeyset) {
			t.Fatalf("%s: got %v, want ErrWrongKeyset", name, err)
		}
		path := strings.Fields(ks.String())[1]
		if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "put back the keyset file") {
			t.Errorf("%s: must name %s and the cure, got: %v", name, path, err)
		}
	}
	if after := canaries(t, st); after != before {
		t.Error("a wrong keyset changed the store")
	}
}

func TestProveRefusesOneKeyUnderTwoNames(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	ks := newKeyset(t)
	if err := seal.Prove(t.Context(), st, "tokens", ks); err != nil {
		t.Fatal(err)
	}
	before := canaries(t, st)
	if err := seal.Prove(t.Context(), st, "keys", ks); !errors.Is(err, seal.ErrSharedKey) || !strings.Contains(err.Error(), "keyset create") {
		t.Errorf("got %v, want ErrSharedKey", err)
	}
	if canaries(t, st) != before {
		t.Error("a canary was written all the same")
	}
}

func TestProveRefusesAStoreWithRecordsButNoCanary(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	err := st.Apply(t.Context(), store.Change{Record: store.Record{Kind: store.KindGrant, Key: "acme", Value: []byte("?")}})
	if err != nil {
		t.Fatal(err)
	}
	if err := seal.Prove(t.Context(), st, "tokens", newKeyset(t)); !errors.Is(err, store.ErrForeign) {
		t.Errorf("got %v, want ErrForeign", err)
	}
	if canaries(t, st) != "" {
		t.Error("a canary was written all the same")
	}
}

func TestACanaryOfAnUnknownFormatIsNotTakenForAWrongKeyset(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	err := st.Apply(t.Context(), store.Change{Record: store.Record{Kind: store.KindCanary, Key: "tokens", Value: []byte{2, 0}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := seal.Prove(t.Context(), st, "tokens", newKeyset(t)); !errors.Is(err, seal.ErrFormat) || errors.Is(err, seal.ErrWrongKeyset) {
		t.Errorf("got %v, want ErrFormat", err)
	}
}

func openStore(t *testing.T) store.Store {
	t.Helper()
	st, err := store.OpenBolt(filepath.Join(t.TempDir(), "grants.db"), store.BoltOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st
}

func canaries(t *testing.T, st store.Store) (all string) {
	t.Helper()
	err := st.List(t.Context(), store.KindCanary, func(r store.Record) error {
		all += r.Key + "=" + string(r.Value) + ";"
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
