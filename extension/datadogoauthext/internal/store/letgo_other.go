//go:build !darwin && !dragonfly && !freebsd && !linux && !netbsd && !openbsd

package store

import "os"

// letGo closes the file behind bbolt's back. Locks of these systems end with the handle.
func letGo(file *os.File) error { return file.Close() }
