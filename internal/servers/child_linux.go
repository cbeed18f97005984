package servers

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// endWithParent has the kernel kill the child when the thread that started it ends.
func endWithParent(attr *syscall.SysProcAttr) {
	attr.Pdeathsig = syscall.SIGKILL
}

// childrenOf lists the processes whose parent is pid.
func childrenOf(pid int) []int {
	var pids []int
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it ended meanwhile
		}
		var state string
		var parent int
		// The name in parentheses may hold anything, even ") ".
		_, rest, _ := strings.Cut(string(text), " ")
		rest = rest[strings.LastIndex(rest, ")")+1:]
		if _, err := fmt.Sscan(rest, &state, &parent); err != nil || parent != pid {
			continue
		}
		if child, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			pids = append(pids, child)
		}
	}
	return pids
}

// removeSegment removes the System V segment with which a postmaster guards
// its data directory and which it leaves behind when it is killed. Line 7 of
// postmaster.pid names its key and number; a clean stop removes the file.
func removeSegment(dataDir string) {
	text, err := os.ReadFile(filepath.Join(dataDir, "postmaster.pid"))
	if err != nil {
		return
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) < 7 {
		return
	}
	var key, number int
	if _, err := fmt.Sscan(lines[6], &key, &number); err != nil {
		return
	}
	const remove = 0 // IPC_RMID
	// What the kernel refuses here is a segment that is gone already.
	_, _, _ = syscall.Syscall(syscall.SYS_SHMCTL, uintptr(number), remove, 0)
}
