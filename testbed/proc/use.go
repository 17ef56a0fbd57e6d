package proc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Use is what a process holds at a moment.
type Use struct {
	Resident int64 `json:"resident_bytes"` // VmRSS
	Peak     int64 `json:"peak_bytes"`     // VmHWM, the largest Resident since it began
	Threads  int   `json:"threads"`
	Files    int   `json:"files"`       // open descriptors, connections included
	TCP      int   `json:"connections"` // established TCP connections, those of whoever sends to it included
	Out      int   `json:"connections_out"`
}

// Read tells what a process holds. Connections to proxy, an address such as 127.0.0.1:4000, are also counted as Out.
//
// https://man7.org/linux/man-pages/man5/proc_pid_status.5.html, …/proc_pid_fd.5.html, …/proc_pid_net.5.html
func Read(pid int, proxy string) (u Use, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u, err
	}
	threads, err1 := field(string(status), "Threads:")
	resident, err2 := field(string(status), "VmRSS:")
	peak, err3 := field(string(status), "VmHWM:")
	if err := errors.Join(err1, err2, err3); err != nil {
		return u, fmt.Errorf("process %d: %w", pid, err)
	}
	u.Threads, u.Resident, u.Peak = int(threads), resident<<10, peak<<10
	mine, err := sockets(pid, &u.Files)
	if err != nil {
		return u, err
	}
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", pid))
	if err != nil {
		return u, err
	}
	six, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp6", pid))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return u, err
	}
	for line := range strings.Lines(string(table) + string(six)) {
		const established = "01"
		f := strings.Fields(line)
		if len(f) < 10 || f[3] != established || !mine[f[9]] {
			continue
		}
		u.TCP++
		if endsWithPort(f[2], proxy) {
			u.Out++
		}
	}
	return u, nil
}

// field is a number of /proc/PID/status, without its unit.
func field(status, name string) (int64, error) {
	for line := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
		}
	}
	return 0, fmt.Errorf("the kernel does not tell %s", name)
}

// sockets are the inodes of a process's sockets. It counts all its descriptors.
func sockets(pid int, files *int) (map[string]bool, error) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	mine := map[string]bool{}
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err != nil {
			continue // closed meanwhile
		}
		*files++
		if inode, ok := strings.CutPrefix(target, "socket:["); ok {
			mine[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return mine, nil
}

// endsWithPort says that an address of /proc/PID/net/tcp, such as 0100007F:1F90, has the port of address.
func endsWithPort(hex, address string) bool {
	port, err := strconv.Atoi(address[strings.LastIndexByte(address, ':')+1:])
	return err == nil && strings.HasSuffix(hex, fmt.Sprintf(":%04X", port))
}
