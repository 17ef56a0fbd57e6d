package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// The layout of a file. A stored value is the version (8 bytes, big endian) and Record.Value behind it.
//
//	datadogoauth        bucket: "format" = "1", "epoch" = 8 bytes, big endian (see boltLeases)
//	records             bucket of buckets, one per kind: key = version + value
var (
	bucketMeta    = []byte("datadogoauth")
	bucketRecords = []byte("records")
	keyFormat     = []byte("format")
	keyEpoch      = []byte("epoch")
	formatV1      = []byte("1")
)

const (
	versionBytes = 8
	maxKeyBytes  = 2048 // what an index of PostgreSQL takes, so that every record fits into either store
	listPage     = 256  // records per read transaction of Range
)

// Bolt is a Store in one bbolt file, for one process at a time. Build one with OpenBolt.
//
// Every commit is synced. A power cut loses no call that returned nil and leaves no half of an Apply: bbolt writes pages
// beside the old ones and switches its meta page last.
type Bolt struct {
	path   string
	file   *os.File // bbolt's own handle, for the one case in which bbolt can no longer close it
	db     *bbolt.DB
	leases boltLeases
	damage atomic.Pointer[error] // set once when bbolt panicked; from then on every call returns it

	writing sync.Mutex   // held by the one write transaction
	closing sync.RWMutex // held for reading by calls under way
	closed  bool         // guarded by closing
}

var _ Store = (*Bolt)(nil)

// Get implements Store.
func (s *Bolt) Get(ctx context.Context, kind Kind, key string) (Record, error) {
	var record Record
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(bucketRecords).Bucket([]byte(kind))
		if bucket == nil {
			return ErrNotFound
		}
		stored := bucket.Get([]byte(key))
		if stored == nil {
			return ErrNotFound
		}
		var err error
		record, err = decode(kind, key, stored)
		return err
	})
	if err != nil {
		return Record{}, s.failed("read "+string(kind)+" record", err)
	}
	return record, nil
}

// Apply implements Store.
func (s *Bolt) Apply(ctx context.Context, changes ...Change) error {
	err := s.update(ctx, func(tx *bbolt.Tx) error {
		for _, change := range changes {
			if err := apply(tx.Bucket(bucketRecords), change); err != nil {
				return fmt.Errorf("%s record: %w", change.Kind, err)
			}
		}
		return nil
	})
	if err != nil {
		return s.failed("write", err)
	}
	return nil
}

// Import implements Store.
func (s *Bolt) Import(ctx context.Context, imported ...Record) error {
	err := s.update(ctx, func(tx *bbolt.Tx) error {
		for _, r := range imported {
			if r.Version == 0 {
				return fmt.Errorf("%s record: an imported record needs its version", r.Kind)
			}
			bucket, err := bucketOf(tx.Bucket(bucketRecords), r)
			if err == nil {
				err = bucket.Put([]byte(r.Key), encode(r.Version, r.Value))
			}
			if err != nil {
				return fmt.Errorf("%s record: %w", r.Kind, err)
			}
		}
		return nil
	})
	if err != nil {
		return s.failed("import", err)
	}
	return nil
}

// bucketOf returns the bucket that a record belongs into, and refuses an address that cannot be stored.
func bucketOf(records *bbolt.Bucket, r Record) (*bbolt.Bucket, error) {
	if r.Kind == "" || r.Key == "" || len(r.Key) > maxKeyBytes {
		return nil, fmt.Errorf("a record needs a kind, and a key of 1 to %d bytes", maxKeyBytes)
	}
	return records.CreateBucketIfNotExists([]byte(r.Kind))
}

func apply(records *bbolt.Bucket, change Change) error {
	bucket, err := bucketOf(records, change.Record)
	if err != nil {
		return err
	}
	key := []byte(change.Key)
	var have uint64
	if stored := bucket.Get(key); stored != nil {
		current, err := decode(change.Kind, change.Key, stored)
		if err != nil {
			return err
		}
		have = current.Version
	}
	if have != change.Version {
		return ErrConflict
	}
	if change.Delete {
		return bucket.Delete(key)
	}
	return bucket.Put(key, encode(change.Version+1, change.Value))
}

func encode(version uint64, value []byte) []byte {
	stored := binary.BigEndian.AppendUint64(make([]byte, 0, versionBytes+len(value)), version)
	return append(stored, value...)
}

// decode copies what bbolt lends for the length of a transaction.
func decode(kind Kind, key string, stored []byte) (Record, error) {
	if len(stored) < versionBytes {
		return Record{}, fmt.Errorf("%w: a %s record is shorter than its version", ErrCorrupt, kind)
	}
	version := binary.BigEndian.Uint64(stored)
	if version == 0 {
		return Record{}, fmt.Errorf("%w: a %s record has version 0", ErrCorrupt, kind)
	}
	return Record{Kind: kind, Key: key, Version: version, Value: bytes.Clone(stored[versionBytes:])}, nil
}

// Lease implements Store. Since one process alone can open the file, the rights live in memory and the clock is the process's.
func (s *Bolt) Lease(ctx context.Context, name string, ttl time.Duration) (Lease, error) {
	lease, err := s.leases.take(ctx, name, ttl, s.nextEpoch)
	if err != nil {
		return nil, s.failed("lease "+name, err)
	}
	return lease, nil
}

// nextEpoch stores the epoch that follows the stored one.
func (s *Bolt) nextEpoch(ctx context.Context) (epoch uint64, err error) {
	err = s.update(ctx, func(tx *bbolt.Tx) error {
		meta := tx.Bucket(bucketMeta)
		if stored := meta.Get(keyEpoch); len(stored) == versionBytes {
			epoch = binary.BigEndian.Uint64(stored)
		}
		epoch = epochAfter(epoch, s.leases.now())
		return meta.Put(keyEpoch, binary.BigEndian.AppendUint64(nil, epoch))
	})
	return epoch, err
}

// Close implements Store.
func (s *Bolt) Close() error {
	s.closing.Lock()
	defer s.closing.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if s.damage.Load() != nil {
		return letGo(s.file) // bbolt's own locks may never be free again
	}
	return s.db.Close()
}

// failed puts the path and the advice around an error, and names what the operating system says by one of our errors.
func (s *Bolt) failed(attempt string, err error) error {
	switch {
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrConflict), errors.Is(err, ErrHeld):
		return fmt.Errorf("%s: %w", attempt, err) // everyday answers, which callers compare and rarely print
	case isFull(err):
		return fmt.Errorf("%s: store %s: %w: %w; nothing was changed; make room there, the collector goes on by itself", attempt, s.path, ErrFull, withoutPath(err))
	case errors.Is(err, ErrCorrupt):
		return fmt.Errorf("%s: store %s: %w; stop the collector, keep the file aside, and restore the last backup", attempt, s.path, err)
	default:
		return fmt.Errorf("%s: store %s: %w", attempt, s.path, withoutPath(err))
	}
}

// withoutPath takes the path out of an os error, because the text around it begins with the path.
func withoutPath(err error) error {
	if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG) ||
		errors.Is(err, bbolterrors.ErrMaxSizeReached)
}
