package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

var archiveMade = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestAnArchiveHoldsWhatTheStoreHolds(t *testing.T) {
	t.Parallel()
	st := openBolt(t)
	var want []store.Record
	for _, kind := range store.Kinds() {
		for _, key := range []string{"a", "b\xff\n"} {
			r := store.Record{Kind: kind, Key: key, Version: 7, Value: []byte(string(kind) + "\x00" + key)}
			if err := st.Import(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			want = append(want, r)
		}
	}
	var file bytes.Buffer
	if err := store.WriteArchive(t.Context(), st, &file, archiveMade); err != nil {
		t.Fatal(err)
	}
	got, err := store.ReadArchive(iotest.OneByteReader(&file))
	if err != nil || !got.Made.Equal(archiveMade) || !reflect.DeepEqual(got.Records, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestAnArchiveThatIsCutOrChangedIsReadInNoPart(t *testing.T) {
	t.Parallel()
	whole := smallArchive(t)
	check := func(what string, raw []byte) {
		t.Helper()
		got, err := store.ReadArchive(bytes.NewReader(raw))
		if !errors.Is(err, store.ErrArchive) || got.Records != nil || !got.Made.IsZero() {
			t.Errorf("%s: got %+v, %v; want nothing and ErrArchive", what, got, err)
		}
	}
	for i := range whole {
		check(fmt.Sprintf("cut to %d bytes", i), whole[:i])
		for bit := range 8 {
			changed := bytes.Clone(whole)
			changed[i] ^= 1 << bit
			check(fmt.Sprintf("bit %d of byte %d flipped", bit, i), changed)
		}
	}
	check("something behind it", append(bytes.Clone(whole), '\n'))
	check("twice the same", append(bytes.Clone(whole), whole...))
	lines := strings.SplitAfter(string(whole), "\n")
	check("a record missing", []byte(lines[0]+strings.Join(lines[2:], "")))
	check("a record twice", []byte(lines[0]+lines[1]+strings.Join(lines[1:], "")))
	check("of a later format", bytes.Replace(whole, []byte(`"format":1`), []byte(`"format":2`), 1))
}

func TestAReaderThatFailsIsNotTakenForADamagedArchive(t *testing.T) {
	t.Parallel()
	broken := errors.New("the cable came off")
	whole := smallArchive(t)
	_, err := store.ReadArchive(io.MultiReader(bytes.NewReader(whole[:len(whole)/2]), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) || errors.Is(err, store.ErrArchive) {
		t.Errorf("got %v", err)
	}
}

func FuzzReadArchive(f *testing.F) {
	whole := smallArchive(f)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte(`{"archive":"datadogoauth","format":1,"made":"2026-01-02T03:04:05Z","kinds":["grant"]}` + "\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := store.ReadArchive(bytes.NewReader(raw))
		if err != nil {
			if got.Records != nil || !errors.Is(err, store.ErrArchive) {
				t.Fatalf("%d records with %v", len(got.Records), err)
			}
			return
		}
		for _, r := range got.Records {
			if r.Version == 0 || r.Key == "" || r.Kind == "" {
				t.Fatalf("a record that no store takes: %+v", r)
			}
		}
	})
}

func smallArchive(t testing.TB) []byte {
	t.Helper()
	st, err := store.OpenBolt(filepath.Join(t.TempDir(), "grants.db"), store.BoltOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	for _, r := range []store.Record{
		{Kind: store.KindGrant, Key: "acme", Version: 3, Value: []byte("one")},
		{Kind: store.KindToken, Key: "acme", Version: 1, Value: []byte("two")},
	} {
		if err := st.Import(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	var file bytes.Buffer
	if err := store.WriteArchive(t.Context(), st, &file, archiveMade); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func openBolt(t testing.TB) *store.Bolt {
	t.Helper()
	st, err := store.OpenBolt(filepath.Join(t.TempDir(), "grants.db"), store.BoltOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return st
}
