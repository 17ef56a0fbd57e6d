package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/durable"
)

// BoltOptions are for OpenBolt. The zero value is the default.
type BoltOptions struct {
	// LockTimeout is how long to wait for another process to let go of the file. Default 3s, which lets a restart overlap.
	LockTimeout time.Duration
	// ReadOnly opens a store that is there and changes nothing of it, its mode neither. Others may read it at the same time.
	ReadOnly bool
	// MaxSizeBytes is where the file stops growing. Default: where the disk ends.
	MaxSizeBytes int
	// Now is the clock of leases. Default time.Now.
	Now func() time.Time
}

const defaultLockTimeout = 3 * time.Second

// OpenBolt opens the store at path and creates it, with mode 0600, where there is none. Its directory must exist.
//
// Every page is read once, so that damage is found here and not in the middle of a refresh. The error is one of
// ErrLocked, ErrForeign, ErrCorrupt and ErrFull, or what the operating system said; each text names the file and what to
// do. Nothing is written to a file that is not a sound store.
func OpenBolt(path string, opts BoltOptions) (*Bolt, error) {
	if opts.LockTimeout <= 0 {
		opts.LockTimeout = defaultLockTimeout
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if !opts.ReadOnly {
		if err := ensureFile(path); err != nil {
			return nil, openError(path, err)
		}
	}
	if err := checkHead(path); err != nil {
		return nil, openError(path, err)
	}
	s := &Bolt{path: path, leases: boltLeases{now: opts.Now}}
	err := withoutPanic(func() (err error) {
		s.db, err = bbolt.Open(path, 0o600, &bbolt.Options{
			Timeout:      opts.LockTimeout,
			ReadOnly:     opts.ReadOnly,
			MaxSize:      opts.MaxSizeBytes,
			FreelistType: bbolt.FreelistMapType,
			OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
				file, err := os.OpenFile(name, flag&^os.O_CREATE, mode)
				s.file = file
				return file, err
			},
		})
		if err != nil {
			return err
		}
		if err := errors.Join(s.db.View(checkPages), s.db.View(unmapPages)); err != nil || opts.ReadOnly {
			return err
		}
		return s.file.Chmod(0o600) // a restored copy may have come with wider rights
	})
	if err != nil {
		s.abandon(err)
		return nil, openError(path, err)
	}
	return s, nil
}

// abandon lets go of the file and its lock. After a panic bbolt's own Close could wait for ever; the map of the file that
// stays behind is the price, once per failed start.
func (s *Bolt) abandon(err error) {
	switch {
	case errors.Is(err, errPanic) && s.file != nil:
		_ = letGo(s.file)
	case s.db != nil:
		_ = s.db.Close()
	}
}

// ensureFile makes an empty store where there is no file.
//
// A store is made under another name and linked into place when it is complete. So a file of that name is never half a
// store, and one that is empty was damaged: it is not taken for a new store, which would forget every customer.
func ensureFile(path string) error {
	info, err := os.Stat(path)
	if err == nil {
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%w: not a regular file", ErrForeign)
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dir := filepath.Dir(path)
	temp, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // 0600 by its contract
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	if err := temp.Close(); err != nil {
		return err
	}
	if err := initialise(temp.Name()); err != nil {
		return err
	}
	if err := os.Link(temp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) { // it exists: another process was first
		return linkError(err)
	}
	return durable.SyncDir(dir)
}

var errNoLinks = errors.New("the file system there has no hard links")

// linkError: the directory takes files, since one was made there just now. So a link that is refused, in whatever words of the
// operating system, means that the file system cannot make one.
func linkError(err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, errors.ErrUnsupported) {
		return errNoLinks
	}
	return err
}

func initialise(path string) error {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: defaultLockTimeout, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		meta, err := tx.CreateBucket(bucketMeta)
		if err != nil {
			return err
		}
		if err := meta.Put(keyFormat, formatV1); err != nil {
			return err
		}
		_, err = tx.CreateBucket(bucketRecords)
		return err
	})
	return errors.Join(err, db.Close())
}

// openError says what to do about each thing that keeps a store from opening.
func openError(path string, err error) error {
	attempt := "open store " + path
	switch {
	case errors.Is(err, bbolterrors.ErrTimeout):
		return fmt.Errorf("%s: %w; one collector alone can use a store file: stop the other one, or give each its own file", attempt, ErrLocked)
	case errors.Is(err, ErrForeign):
		return fmt.Errorf("%s: %w; nothing was written; name another file, or move this one away", attempt, err)
	case errors.Is(err, ErrCorrupt), isDamage(err):
		if !errors.Is(err, ErrCorrupt) {
			err = fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		return fmt.Errorf("%s: %w; keep the file aside and restore the last backup; without a backup, start on a new file and let every customer connect again", attempt, err)
	case isFull(err):
		return fmt.Errorf("%s: %w: %w; make room there", attempt, ErrFull, withoutPath(err))
	case errors.Is(err, errNoLinks):
		return fmt.Errorf("%s: %w, and a new store is put into place with one; name a file on a local file system such as ext4 or xfs", attempt, err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: there is no directory %s; create it, owned by the collector's user, with mode 0700", attempt, filepath.Dir(path))
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: permission denied; the collector's user must own the file and its directory", attempt)
	default:
		return fmt.Errorf("%s: %w", attempt, withoutPath(err))
	}
}

// isDamage: the magic number is there, yet bbolt refuses the meta pages or cannot map what they promise.
func isDamage(err error) bool {
	return errors.Is(err, bbolterrors.ErrInvalid) || errors.Is(err, bbolterrors.ErrChecksum) ||
		errors.Is(err, bbolterrors.ErrInvalidMapping) || errors.Is(err, bbolterrors.ErrVersionMismatch)
}
