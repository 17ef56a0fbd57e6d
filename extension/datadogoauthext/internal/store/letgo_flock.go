//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package store

import (
	"errors"
	"os"
	"syscall"
)

// letGo ends the lock and closes the file behind bbolt's back. Closing alone does not end a flock: the memory map, which
// nobody but bbolt can take away, keeps the open file alive, and the lock belongs to that. flock(2), mmap(2)
func letGo(file *os.File) error {
	return errors.Join(syscall.Flock(int(file.Fd()), syscall.LOCK_UN), file.Close())
}
