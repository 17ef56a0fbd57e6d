//go:build !linux

package proc

import (
	"errors"
	"time"
)

// CPUTime is known on Linux only.
func CPUTime(int) (time.Duration, error) {
	return 0, errors.New("the CPU time of another process is read on Linux only")
}
