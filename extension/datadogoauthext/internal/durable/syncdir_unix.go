//go:build unix

// Package durable makes new file names survive a power cut.
package durable

import "os"

// SyncDir returns once the names in dir are on the disk. Call it after a rename, a link or a removal that matters.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
