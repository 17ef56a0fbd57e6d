//go:build unix

package ctl

import (
	"os"
	"path/filepath"
	"syscall"
)

// giveToOwnerOf gives a file to the user and group that own the directory it lies in, when the command runs as root: a store that
// only root can open keeps the collector from starting.
func giveToOwnerOf(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return os.Chown(path, int(stat.Uid), int(stat.Gid))
}
