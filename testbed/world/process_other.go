//go:build !linux

package world

import "syscall"

// dieWithParent is Linux's alone; elsewhere a killed demo leaves its collector behind.
func dieWithParent() *syscall.SysProcAttr { return nil }
