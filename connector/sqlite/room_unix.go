//go:build unix

package sqlite

import (
	"os"
	"path/filepath"
	"syscall"
)

// noRoom reports whether a write to the database fails for lack of space: no free block on its file system, or the limit
// on how large this process's files may grow (ulimit -f). SQLite reports the second as a plain I/O error.
func noRoom(path string) bool {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(path), &fs); err == nil && fs.Bavail == 0 {
		return true
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return false
	}
	for _, file := range []string{path, path + "-wal"} {
		const page = 64 << 10 // the largest that SQLite has: no write is longer
		if info, err := os.Stat(file); err == nil && uint64(info.Size())+page > uint64(limit.Cur) {
			return true
		}
	}
	return false
}
