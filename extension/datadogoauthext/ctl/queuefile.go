package ctl

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/datadogoauth/otelcol-datadogoauth/internal/boltfile"
)

// errOpenElsewhere is about a file that another process has open.
var errOpenElsewhere = errors.New("in use by a collector")

// storageFile is what was found in one file.
type storageFile struct {
	entries    int
	unreadable int   // requests that the exporter could not read, and kept
	damage     error // nil if it is sound
	seen       byte  // so that all is read
}

// unreadablePrefix is of the keys of such requests.
var unreadablePrefix = []byte("unreadable/")

func (f *storageFile) unreadableText() string {
	if f.unreadable == 0 {
		return ""
	}
	return fmt.Sprintf(", %d of them requests that could not be read and are kept", f.unreadable)
}

// checkStorageFile looks for damage in a file of bbolt, which it changes nothing in. Its error is that it could not look.
func checkStorageFile(file string) (found *storageFile, err error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	found = &storageFile{}
	if info.Size() == 0 {
		return found, nil // bbolt makes it anew
	}
	// To be read only, it is locked, and no page is followed yet.
	db, err := bbolt.Open(file, 0, &bbolt.Options{ReadOnly: true, Timeout: time.Second})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, errOpenElsewhere
	case errors.Is(err, os.ErrPermission):
		return nil, err
	case err != nil:
		found.damage = err
		return found, nil
	}
	defer db.Close()
	if found.damage = boltfile.Check(file); found.damage == nil {
		found.damage = found.walk(db)
	}
	return found, nil
}

// walk reads every entry. Where bbolt stumbles, that is an error.
func (f *storageFile) walk(db *bbolt.DB) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // of a file that is shorter than it says
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	return db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error {
			return b.ForEach(func(key, value []byte) error {
				f.entries++
				if bytes.HasPrefix(key, unreadablePrefix) {
					f.unreadable++
				}
				for i := 0; i < len(value); i += os.Getpagesize() {
					f.seen += value[i] // a page that the disk cannot read is a fault here
				}
				return nil
			})
		})
	})
}
