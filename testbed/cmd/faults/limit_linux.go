package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

const noLimit = unix.RLIM_INFINITY

// limitFiles bounds the size of the files that a running process may write.
func limitFiles(pid int, bytes uint64) error {
	var was unix.Rlimit
	err := unix.Prlimit(pid, unix.RLIMIT_FSIZE, nil, &was)
	if err == nil {
		err = unix.Prlimit(pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: min(bytes, was.Max), Max: was.Max}, nil)
	}
	if err != nil {
		return fmt.Errorf("limit the files of process %d: %w", pid, err)
	}
	return nil
}
