package store

import (
	"syscall"

	"go.etcd.io/bbolt"
)

// unmapPages lets go of the pages of the file that this process has read. bbolt maps the file, so each page that was ever read counts as memory of the
// process until the kernel takes it back, and the first thing that is done with a store is to read all of it, once. A page comes back when it is read
// again, as a rule from the kernel's cache.
//
// The map is shared and is only read from, so nothing is lost by it: https://man7.org/linux/man-pages/man2/madvise.2.html, MADV_DONTNEED. tx keeps bbolt from
// moving the map meanwhile.
func unmapPages(tx *bbolt.Tx) error {
	_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, tx.DB().Info().Data, uintptr(tx.Size()), syscall.MADV_DONTNEED) // advice: without it more is resident
	return nil
}
