package world

import "syscall"

// dieWithParent makes the kernel end the child when this process is gone, even after kill -9.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
