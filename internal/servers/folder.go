package servers

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// folder is a temporary directory that survives its process by little: the process that
// makes the next one removes those whose owner is gone. A test that runs into
// its timeout, or that is interrupted, cleans nothing up itself.
//
// The owner holds a lock on the file "alive" in it, which ends with the process
// and is not inherited by the server.
type folder struct {
	path  string
	alive *os.File
}

const alive = "alive"

// newFolder makes a folder. Another user (postgres) may enter it, which
// t.TempDir does not allow.
func newFolder(name string) (*folder, error) {
	removeAbandoned(filepath.Join(os.TempDir(), "fencepost-"+name+"-*"))
	path, err := os.MkdirTemp("", "fencepost-"+name+"-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for %s: %w", name, err)
	}
	f := &folder{path: path}
	if err := errors.Join(os.Chmod(path, 0o755), f.lock()); err != nil {
		return nil, fmt.Errorf("make a folder for %s: %w", name, errors.Join(err, f.remove()))
	}
	return f, nil
}

// lock takes the lock before the file has its name, so that no process finds it
// without.
func (f *folder) lock() error {
	file, err := os.OpenFile(f.join("new"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	f.alive = file
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	return os.Rename(file.Name(), f.join(alive))
}

func (f *folder) join(elem ...string) string {
	return filepath.Join(append([]string{f.path}, elem...)...)
}

// data is where the folder's server keeps what survives a kill.
func (f *folder) data() string { return f.join("data") }

func (f *folder) remove() error {
	removeSegment(f.data())
	err := os.RemoveAll(f.path)
	if f.alive != nil {
		err = errors.Join(err, f.alive.Close())
	}
	return err
}

// removeAbandoned removes what dead processes left. It is a courtesy: what it
// may not touch, or finds half gone, it leaves.
func removeAbandoned(pattern string) {
	files, _ := filepath.Glob(filepath.Join(pattern, alive))
	for _, file := range files {
		lock, err := os.OpenFile(file, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			abandoned := folder{path: strings.TrimSuffix(file, "/"+alive)}
			_ = abandoned.remove()
		}
		lock.Close()
	}
}
