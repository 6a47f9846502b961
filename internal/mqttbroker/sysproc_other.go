//go:build !linux

package mqttbroker

import "syscall"

// childAttributes put the child in a process group of its own, so that a terminal's interrupt reaches only the parent.
// That the parent ended, the child learns here only from its standard input.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
