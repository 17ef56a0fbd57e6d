//go:build unix && !linux

package pg

import (
	"os/exec"
	"syscall"
)

// setDeathSignal is Linux's alone; elsewhere a killed test leaves its servers behind.
func setDeathSignal(*exec.Cmd, syscall.Signal) {}
