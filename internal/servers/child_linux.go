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
		if _, parent, ok := readStat(file); !ok || parent != pid {
			continue
		}
		if child, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			pids = append(pids, child)
		}
	}
	return pids
}

// stopped says whether every thread of a process is stopped or gone.
func stopped(pid int) bool {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/[0-9]*/stat", pid))
	for _, file := range files {
		if state, _, ok := readStat(file); ok && !strings.Contains("TtZX", state) {
			return false
		}
	}
	return true
}

// readStat reads the state and the parent out of a stat file of /proc. It is
// not ok when the process has ended meanwhile.
func readStat(file string) (state string, parent int, ok bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", 0, false
	}
	// The name in parentheses may hold anything, even ") ".
	rest := string(text[strings.LastIndexByte(string(text), ')')+1:])
	_, err = fmt.Sscan(rest, &state, &parent)
	return state, parent, err == nil
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
