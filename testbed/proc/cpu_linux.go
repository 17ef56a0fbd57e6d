package proc

import (
	"fmt"
	"syscall"
	"time"
	"unsafe"
)

// CPUTime is what a process has used of all CPUs, in user and in kernel mode, threads that ended included. The kernel counts it in nanoseconds;
// /proc/PID/stat has the same in ticks of ten milliseconds.
//
// The clock of another process is named by its id: https://man7.org/linux/man-pages/man3/clock_getcpuclockid.3.html; the kernel's
// posix-timers.h has the encoding: the complement of the id, shifted by three, and CPUCLOCK_SCHED, 2.
func CPUTime(pid int) (time.Duration, error) {
	const cpuclockSched = 2
	var t syscall.Timespec
	clock := ^pid<<3 | cpuclockSched
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&t)), 0); errno != 0 {
		return 0, fmt.Errorf("CPU time of process %d: %w", pid, errno)
	}
	return time.Duration(t.Nano()), nil
}
