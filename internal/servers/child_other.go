//go:build !linux

package servers

import "syscall"

// Outside Linux a server outlives a test that was killed, a frozen Postgres
// freezes its postmaster only, and a killed one leaves its segment behind.

func endWithParent(*syscall.SysProcAttr) {}

func childrenOf(int) []int { return nil }

func stopped(int) bool { return true }

func removeSegment(string) {}
