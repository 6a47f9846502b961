package mqttbroker

import "syscall"

// childAttributes put the child in a process group of its own, so that a terminal's interrupt reaches only the parent,
// and have the kernel end it when the thread that started it ends.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
