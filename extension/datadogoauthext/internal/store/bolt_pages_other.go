//go:build !linux

package store

import "go.etcd.io/bbolt"

// unmapPages does nothing where no advice is known to be safe.
func unmapPages(*bbolt.Tx) error { return nil }
