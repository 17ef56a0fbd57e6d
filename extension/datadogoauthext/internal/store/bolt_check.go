package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"go.etcd.io/bbolt"
)

const (
	boltMagic   = 0xED0CDAED
	headerBytes = 16
)

// checkHead tells a bbolt file from anything else before bbolt maps it: bbolt has one error for both, and a file that is
// no store is somebody's. Both meta pages begin with a page header of 16 bytes, then the magic number, then the version,
// in the machine's byte order; the second one starts at the page size of the machine that made the file.
// go.etcd.io/bbolt/internal/common, meta.go
func checkHead(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	head := make([]byte, 64<<10+headerBytes+4)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	head = head[:n]
	if n == 0 {
		return fmt.Errorf("%w: the file is empty", ErrCorrupt)
	}
	magic := binary.NativeEndian.AppendUint32(nil, boltMagic)
	for at := 0; at <= 64<<10; at = max(at*2, 1<<10) {
		if at+headerBytes+4 <= len(head) && bytes.Equal(head[at+headerBytes:at+headerBytes+4], magic) {
			return nil
		}
	}
	return fmt.Errorf("%w: the file holds something else", ErrForeign)
}

// checkPages reads the whole tree. A damaged page ends in a panic, which the caller turns into ErrCorrupt.
func checkPages(tx *bbolt.Tx) error {
	meta := tx.Bucket(bucketMeta)
	if meta == nil {
		return fmt.Errorf("%w: a bbolt file of another program", ErrForeign)
	}
	if format := meta.Get(keyFormat); !bytes.Equal(format, formatV1) {
		return fmt.Errorf("%w: its format is %.20q, this version of the collector reads %q; run the version that wrote it", ErrForeign, format, formatV1)
	}
	records := tx.Bucket(bucketRecords)
	if records == nil {
		return fmt.Errorf("%w: it has lost its records", ErrCorrupt)
	}
	return records.ForEachBucket(func(kind []byte) error {
		return records.Bucket(kind).ForEach(func(key, stored []byte) error {
			_, err := decode(Kind(kind), string(key), stored)
			return err
		})
	})
}
