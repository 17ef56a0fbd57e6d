package delivery

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"go.etcd.io/bbolt"
)

// Files are the ids that wait in the files of a collector that does not run, by where they wait.
type Files struct {
	// Queued are in a queue of the collector, whether a consumer had them or not.
	Queued map[ID]bool
	// Parked are beside it, in what the exporter keeps by itself: the records that hold them, by the name of a file, a key and a sum of the content,
	// since keys are used again.
	Parked map[ID][]string
}

// Has says that an id is in a file.
func (f *Files) Has(id ID) bool { return f.Queued[id] || len(f.Parked[id]) > 0 }

// Open reads the directory of a file_storage. Its files are bbolt with one bucket; a queue's keys are the decimal numbers of its requests, as
// exporterhelper's persistent queue writes them, and all else that holds an id is parked.
func Open(dir string) (*Files, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return nil, err
	}
	found := &Files{Queued: map[ID]bool{}, Parked: map[ID][]string{}}
	for _, name := range names {
		if err := found.read(name); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(name), err)
		}
	}
	return found, nil
}

const bucketName = "default"

func (f *Files) read(name string) error {
	if info, err := os.Stat(name); err != nil || info.IsDir() {
		return err
	}
	db, err := bbolt.Open(name, 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		return err
	}
	err = db.View(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket([]byte(bucketName))
		if bucket == nil {
			return nil // killed before it was made
		}
		return bucket.ForEach(func(key, value []byte) error {
			_, err := strconv.ParseUint(string(key), 10, 64)
			record := ""
			if err != nil {
				record = fmt.Sprintf("%s %s %08x", filepath.Base(name), key, crc32.ChecksumIEEE(value))
			}
			for _, id := range idsIn(value) {
				if err == nil {
					f.Queued[id] = true
				} else {
					f.Parked[id] = append(f.Parked[id], record)
				}
			}
			return nil
		})
	})
	return errors.Join(err, db.Close())
}

// Damage changes one byte in the first request of a queue's file that holds an id, as a bad disk does, and returns the ids in that request.
func Damage(name string) (ids []ID, err error) {
	db, err := bbolt.Open(name, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket([]byte(bucketName))
		if bucket == nil {
			return fmt.Errorf("%s: nothing was stored", filepath.Base(name))
		}
		cursor := bucket.Cursor()
		for key, value := cursor.First(); key != nil; key, value = cursor.Next() {
			_, err := strconv.ParseUint(string(key), 10, 64)
			if ids = idsIn(value); err == nil && len(ids) > 0 {
				changed := append([]byte(nil), value...)
				changed[len(changed)/2] ^= 1
				return bucket.Put(key, changed)
			}
		}
		return fmt.Errorf("%s: no request holds an id", filepath.Base(name))
	})
	return ids, errors.Join(err, db.Close())
}

// DamagePages flips one bit in the head of each page that a file of bbolt has, but the first two, and returns the file. A process ends that opens it without
// a look at it.
func DamagePages(file []byte) []byte {
	file = bytes.Clone(file)
	size := os.Getpagesize()
	for number := 2; (number+1)*size <= len(file); number++ {
		if page := file[number*size:]; binary.NativeEndian.Uint64(page) == uint64(number) { //nolint:gosec // not negative
			page[11] ^= 0x80 // of the number of elements
		}
	}
	return file
}
