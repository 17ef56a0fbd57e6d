package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/durable"
)

func TestAFileIsMadeWholeAndNeverOverAnother(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, failed := filepath.Join(dir, "a"), errors.New("failed")
	if err := durable.Create(path, writes("x", failed)); !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
	requireFiles(t, dir)
	err := durable.Create(path, func(temp string) error {
		if err := durable.Create(path, writes("of the second", nil)); !errors.Is(err, fs.ErrExist) {
			t.Errorf("the second of two at once: got %v, want ErrExist", err)
		}
		return writes("of the first", nil)(temp)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := durable.Create(path, writes("of the third", nil)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want ErrExist", err)
	}
	requireFiles(t, dir, "a")
	content, err := os.ReadFile(path)
	info, statErr := os.Stat(path)
	if err != nil || statErr != nil || string(content) != "of the first" || info.Mode().Perm() != 0o600 {
		t.Errorf("%q, mode %v, %v", content, info.Mode(), errors.Join(err, statErr))
	}
}

func TestTemporaryFilesOfACrashAreRemovedAndNothingElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	var stale string
	_ = durable.Replace(path, func(temp string) error { stale = temp; return nil })
	for _, name := range []string{path, stale, filepath.Join(dir, ".a.swp"), filepath.Join(dir, ".b.x.temp")} {
		if err := os.WriteFile(name, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := durable.Replace(path, writes("new", nil)); err != nil {
		t.Fatal(err)
	}
	requireFiles(t, dir, ".a.swp", ".b.x.temp", "a")
	if content, err := os.ReadFile(path); err != nil || string(content) != "new" {
		t.Errorf("%q, %v", content, err)
	}
}

func writes(text string, err error) func(temp string) error {
	return func(temp string) error {
		return durable.Write(temp, func(file *os.File) error {
			_, writeErr := file.WriteString(text)
			return errors.Join(writeErr, err)
		})
	}
}

func requireFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, entry := range entries {
		if i >= len(want) || entry.Name() != want[i] {
			t.Errorf("there is %s", entry.Name())
		}
	}
	if len(entries) != len(want) {
		t.Errorf("%d files, want %v", len(entries), want)
	}
}
