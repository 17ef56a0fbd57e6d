package pg

import (
	"os/exec"
	"syscall"
)

// setDeathSignal makes the kernel send a signal to the child when this process is gone, even after kill -9.
func setDeathSignal(cmd *exec.Cmd, signal syscall.Signal) { cmd.SysProcAttr.Pdeathsig = signal }
