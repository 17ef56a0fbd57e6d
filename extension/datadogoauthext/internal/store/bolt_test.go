package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store/storetest"
)

func TestBolt(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Subject {
		path := filepath.Join(t.TempDir(), "grants.db")
		var passed atomic.Int64
		opts := store.BoltOptions{Now: func() time.Time { return time.Unix(1_800_000_000, passed.Load()) }}
		st := open(t, path, opts)
		return storetest.Subject{
			Store: st,
			Reopen: func() store.Store {
				if err := st.Close(); err != nil {
					t.Fatal(err)
				}
				return open(t, path, opts)
			},
			Pass: func(d time.Duration) { passed.Add(int64(d)) },
		}
	})
}

func TestOnlyOneProcessHasTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "grants.db")
	first := open(t, path, store.BoltOptions{})
	_, err := store.OpenBolt(path, store.BoltOptions{LockTimeout: 100 * time.Millisecond})
	if !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "stop the other one") {
		t.Errorf("got %v, want ErrLocked with the path and advice", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path, store.BoltOptions{})
}

func TestTheFileIsItsOwnersAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "grants.db")
	for _, mode := range []os.FileMode{0, 0o644} { // made here; restored with wider rights
		if mode != 0 {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
		}
		if err := open(t, path, store.BoltOptions{}).Close(); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("the directory holds %v", entries)
	}
}

func TestAStoreOpenedToBeReadStaysAsItIs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "grants.db")
	if _, err := store.OpenBolt(path, store.BoltOptions{ReadOnly: true}); err == nil {
		t.Error("a store that is not there was opened")
	}
	record := store.Record{Kind: store.KindGrant, Key: "acme", Value: []byte("x")}
	st := open(t, path, store.BoltOptions{})
	if err := errors.Join(st.Apply(t.Context(), store.Change{Record: record}), st.Close(), os.Chmod(path, 0o440)); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(path)
	first, second := open(t, path, store.BoltOptions{ReadOnly: true}), open(t, path, store.BoltOptions{ReadOnly: true})
	if got, err := first.Get(t.Context(), store.KindGrant, "acme"); err != nil || string(got.Value) != "x" {
		t.Errorf("got %q, %v", got.Value, err)
	}
	if err := first.Apply(t.Context(), store.Change{Record: store.Record{Kind: store.KindGrant, Key: "globex"}}); err == nil {
		t.Error("it was written to")
	}
	if _, err := store.OpenBolt(path, store.BoltOptions{LockTimeout: 100 * time.Millisecond}); !errors.Is(err, store.ErrLocked) {
		t.Errorf("somebody who writes meanwhile: got %v, want ErrLocked", err)
	}
	if err := errors.Join(first.Close(), second.Close()); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(path)
	info, statErr := os.Stat(path)
	if err != nil || statErr != nil || !bytes.Equal(before, after) || info.Mode().Perm() != 0o440 {
		t.Errorf("changed %t, mode %v, %v", !bytes.Equal(before, after), info.Mode(), errors.Join(err, statErr))
	}
}

func TestAFullStoreRefusesAndGoesOn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "grants.db")
	st := open(t, path, store.BoltOptions{MaxSizeBytes: 128 << 10})
	ctx := t.Context()
	value := bytes.Repeat([]byte("x"), 4<<10)
	var full error
	written := 0
	for ; full == nil && written < 1000; written++ {
		full = st.Apply(ctx, change(fmt.Sprint(written), 0, value))
	}
	written--
	if !errors.Is(full, store.ErrFull) || !strings.Contains(full.Error(), path) || !strings.Contains(full.Error(), "make room") {
		t.Fatalf("got %v, want ErrFull with the path and advice", full)
	}
	if _, err := st.Get(ctx, store.KindGrant, fmt.Sprint(written)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the refused record: got %v, want ErrNotFound", err)
	}
	if got, err := st.Get(ctx, store.KindGrant, fmt.Sprint(written-1)); err != nil || !bytes.Equal(got.Value, value) {
		t.Errorf("the record before it: %v", err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	st = open(t, path, store.BoltOptions{}) // there is room again
	if err := st.Apply(ctx, change(fmt.Sprint(written), 0, value)); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

func TestWhatIsNoStoreIsRefusedAndLeftAsItIs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sound := soundFile(t)
	pageBytes := os.Getpagesize()
	for name, c := range map[string]struct {
		content []byte
		is      error
	}{
		"empty":                            {nil, store.ErrCorrupt},
		"text":                             {[]byte("tenants: []\n"), store.ErrForeign},
		"zeros":                            {make([]byte, 64<<10), store.ErrForeign},
		"a bbolt file of another program":  {foreignBolt(t, func(*bbolt.Tx) error { return nil }), store.ErrForeign},
		"a format to come":                 {foreignBolt(t, formatTwo), store.ErrForeign},
		"cut within the first page":        {sound[:100], store.ErrCorrupt},
		"cut after the meta pages":         {sound[:2*pageBytes], store.ErrCorrupt},
		"cut in the middle":                {sound[:len(sound)/2/pageBytes*pageBytes], store.ErrCorrupt},
		"both meta pages overwritten":      {overwrite(sound, 40, 2*pageBytes-40), store.ErrCorrupt},
		"everything but meta overwritten":  {overwrite(sound, 2*pageBytes, len(sound)-2*pageBytes), store.ErrCorrupt},
		"everything but meta zeroed":       {append(bytes.Clone(sound[:2*pageBytes]), make([]byte, len(sound)-2*pageBytes)...), store.ErrCorrupt},
		"page pointers leading far astray": {overwrite(sound, 2*pageBytes+16, len(sound)-2*pageBytes-16), store.ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
			if err := os.WriteFile(path, c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := store.OpenBolt(path, store.BoltOptions{})
			if !errors.Is(err, c.is) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), ";") {
				t.Errorf("got %v, want %v with the path and advice", err, c.is)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(after, c.content) {
				t.Error("the file was changed")
			}
			if _, err := store.OpenBolt(path, store.BoltOptions{LockTimeout: 100 * time.Millisecond}); errors.Is(err, store.ErrLocked) {
				t.Error("the failed opening kept the lock")
			}
		})
	}
	if _, err := store.OpenBolt(dir, store.BoltOptions{}); !errors.Is(err, store.ErrForeign) {
		t.Errorf("a directory: got %v", err)
	}
	_, err := store.OpenBolt(filepath.Join(dir, "nowhere", "grants.db"), store.BoltOptions{})
	if err == nil || !strings.Contains(err.Error(), "create it") {
		t.Errorf("no directory: got %v", err)
	}
}

// The disk loses the end of the file under a store that is open. The process must live, and every later call must say so.
func TestDamageWhileTheStoreIsOpenDoesNotEndTheProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "grants.db")
	if err := os.WriteFile(path, soundFile(t), 0o600); err != nil {
		t.Fatal(err)
	}
	st := open(t, path, store.BoltOptions{})
	if err := os.Truncate(path, int64(2*os.Getpagesize())); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err := st.Get(t.Context(), store.KindGrant, "tenant-7")
		if !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), "restore the last backup") {
			t.Errorf("get: got %v, want ErrCorrupt with advice", err)
		}
		if err := st.Apply(t.Context(), change("new", 0, nil)); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("apply: got %v, want ErrCorrupt", err)
		}
	}
	if err := st.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// FuzzOpenBolt damages a sound file: opening and reading it must never end the process, and never hand out a record that
// nobody wrote. (Values are sealed, so a changed value is caught by whoever opens it.)
func FuzzOpenBolt(f *testing.F) {
	sound := soundFile(f)
	f.Add(uint32(8), []byte{0xff})
	f.Add(uint32(os.Getpagesize()*2+8), []byte{2, 0, 255, 255})
	f.Add(uint32(os.Getpagesize()*3+16), bytes.Repeat([]byte{0xff}, 64))
	f.Add(uint32(len(sound)-os.Getpagesize()), make([]byte, 512))
	f.Fuzz(func(t *testing.T, at uint32, damage []byte) {
		content := bytes.Clone(sound)
		copy(content[int(at)%len(content):], damage)
		path := filepath.Join(t.TempDir(), "grants.db")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		st, err := store.OpenBolt(path, store.BoltOptions{})
		if err != nil {
			if st != nil {
				t.Fatal("a store came with an error")
			}
			return
		}
		defer st.Close()
		for _, kind := range store.Kinds() {
			_ = st.List(t.Context(), kind, func(r store.Record) error {
				if r.Version == 0 || r.Kind != kind {
					t.Fatalf("got %+v", r)
				}
				return nil
			})
		}
		_ = st.Apply(t.Context(), change("new", 0, []byte("value")))
	})
}

func BenchmarkBoltGet(b *testing.B) {
	path := filepath.Join(b.TempDir(), "grants.db")
	if err := os.WriteFile(path, soundFile(b), 0o600); err != nil {
		b.Fatal(err)
	}
	st := open(b, path, store.BoltOptions{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := st.Get(b.Context(), store.KindGrant, "tenant-7"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBoltApply(b *testing.B) {
	st := open(b, filepath.Join(b.TempDir(), "grants.db"), store.BoltOptions{})
	value := make([]byte, 1024)
	b.SetBytes(int64(len(value)))
	b.ReportAllocs()
	version := uint64(0)
	for b.Loop() {
		if err := st.Apply(b.Context(), change("acme", version, value)); err != nil {
			b.Fatal(err)
		}
		version++
	}
}

func open(t testing.TB, path string, opts store.BoltOptions) *store.Bolt {
	t.Helper()
	st, err := store.OpenBolt(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st
}

func change(key string, version uint64, value []byte) store.Change {
	return store.Change{Record: store.Record{Kind: store.KindGrant, Key: key, Version: version, Value: value}}
}

// soundFile is a store of several levels of pages.
func soundFile(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sound.db")
	st := open(t, path, store.BoltOptions{})
	var changes []store.Change
	for i := range 300 {
		changes = append(changes, change(fmt.Sprintf("tenant-%d", i), 0, bytes.Repeat([]byte{byte(i)}, 400)))
	}
	if err := st.Apply(t.Context(), changes...); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	return readFile(t, path)
}

func foreignBolt(t *testing.T, fill func(*bbolt.Tx) error) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "foreign.db")
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(fill), db.Close()); err != nil {
		t.Fatal(err)
	}
	return readFile(t, path)
}

func formatTwo(tx *bbolt.Tx) error {
	meta, err := tx.CreateBucket([]byte("datadogoauth"))
	if err != nil {
		return err
	}
	return meta.Put([]byte("format"), []byte("2"))
}

func overwrite(sound []byte, at, n int) []byte {
	damaged := bytes.Clone(sound)
	copy(damaged[at:], bytes.Repeat([]byte{0xee}, n))
	return damaged
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
