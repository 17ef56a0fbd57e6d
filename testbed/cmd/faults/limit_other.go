//go:build !linux

package main

import "errors"

const noLimit = 1<<64 - 1

// limitFiles needs prlimit(2), which only Linux has.
func limitFiles(int, uint64) error {
	return errors.New("a disk without room is played on Linux only")
}
