package haproxy

import (
	"os/exec"
	"syscall"
)

// endWithParent ends the child when this process is gone, even after kill -9.
func endWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
