package boltfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.etcd.io/bbolt"
)

var options = &bbolt.Options{NoSync: true, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType} // those of file_storage

// database has small values, values of many pages, branches, an inline bucket, and pages that are free.
func database(t *testing.T, seed uint64) []byte {
	t.Helper()
	name := filepath.Join(t.TempDir(), "database")
	db, err := bbolt.Open(name, 0o600, options)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(seed, 0))
	for range 10 {
		err := db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte("default"))
			if err != nil {
				return err
			}
			for range 40 {
				value := make([]byte, 1<<r.IntN(15))
				if err := b.Put(fmt.Appendf(nil, "key/%d", r.IntN(500)), value); err != nil {
					return err
				}
				if err := b.Delete(fmt.Appendf(nil, "key/%d", r.IntN(500))); err != nil {
					return err
				}
			}
			inline, err := tx.CreateBucketIfNotExists([]byte("inline"))
			if err != nil {
				return err
			}
			return inline.Put([]byte("key"), []byte("value"))
		})
		if err = errors.Join(err, Check(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// TestEveryEntryIsVisited compares with what bbolt itself finds.
func TestEveryEntryIsVisited(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "database")
	if err := os.WriteFile(name, database(t, 3), 0o600); err != nil {
		t.Fatal(err)
	}
	var got, want []string
	if err := Walk(name, func(bucket, key []byte) { got = append(got, string(bucket)+"/"+string(key)) }); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(name, 0o600, options)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(bucket []byte, b *bbolt.Bucket) error {
			return b.ForEach(func(key, _ []byte) error {
				want = append(want, string(bucket)+"/"+string(key))
				return nil
			})
		})
	})
	if err != nil || len(want) < 100 || !slices.Equal(got, want) {
		t.Errorf("%d entries of %d, %v", len(got), len(want), err)
	}
}

// everyNth of what Check finds no fault with is opened.
const everyNth = 15

// TestWhatIsWholePasses checks ten files after each of their transactions.
func TestWhatIsWholePasses(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		database(t, seed)
	}
}

// TestWhatPassesDoesNotEndTheProcess flips each bit of what pages say of themselves. Where Check finds nothing, bbolt opens the file, or returns an error; a panic
// in its goroutine would end this test.
func TestWhatPassesDoesNotEndTheProcess(t *testing.T) {
	t.Parallel()
	content := database(t, 1)
	c := &checker{file: bytes.NewReader(content), size: uint64(len(content))}
	root, _ := c.meta()
	c.seen = make([]bool, len(content)/int(c.pageSize))
	if err := c.pages(nil, root, nil, nil); err != nil {
		t.Fatalf("nothing is wrong: %v", err)
	}
	name := filepath.Join(t.TempDir(), "database")
	found, passed := 0, 0
	for id, used := range c.seen {
		page := content[id*int(c.pageSize):]
		if !used || int(binary.NativeEndian.Uint64(page)) != id { // free, or of a value of many pages
			continue
		}
		for at := range headerSize + 2*elementSize {
			for bit := range 8 {
				page[at] ^= 1 << bit
				if check(bytes.NewReader(content), int64(len(content)), nil) != nil {
					found++
				} else if passed++; passed%everyNth == 0 {
					if err := os.WriteFile(name, content, 0o600); err != nil {
						t.Fatal(err)
					}
					read(name)
				}
				page[at] ^= 1 << bit
			}
		}
	}
	if found < 1000 || passed < 1000 {
		t.Errorf("%d flipped bits are found, %d are not", found, passed)
	}
	t.Logf("%d flipped bits are found, %d are not, and do no harm", found, passed)
}

// read opens a file as file_storage does, and reads it all. What bbolt does on this goroutine can be recovered from.
func read(name string) {
	defer func() { _ = recover() }()
	db, err := bbolt.Open(name, 0o600, options)
	if err != nil {
		return
	}
	defer db.Close()
	_ = db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error {
			return b.ForEach(func(_, _ []byte) error { return nil })
		})
	})
}

func TestOtherFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	content := database(t, 1)
	for name, c := range map[string]struct {
		content []byte
		damaged bool
	}{
		"empty":       {nil, false},
		"no database": {bytes.Repeat([]byte("damaged "), 4096), false}, // bbolt says so
		"whole":       {content, false},
		"cut off":     {content[:len(content)/4], true},
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, c.content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Check(file); (err != nil) != c.damaged {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := Check(filepath.Join(dir, "missing")); err != nil {
		t.Error(err)
	}
}
