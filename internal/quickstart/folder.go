package quickstart

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/broker"
)

// The names in the folder. Only these are ever removed.
const (
	markName     = ".fencepost-quickstart"
	brokerName   = "broker"
	databaseName = "quickstart.db"
	controlName  = "control.db"
	pipelineName = "pipeline.yaml"
	controlFile  = "control.yaml"
)

const mark = "Made by fencepost quickstart, which empties this folder when it is run again: the databases, the broker and\n" +
	"the two pipeline files. What else lies here is left alone.\n"

// folder is where a quickstart leaves what it made.
type folder struct {
	name string // as the user wrote it
	path string // absolute
}

func (f folder) in(name string) string { return filepath.Join(f.path, name) }

// claim makes the folder, or empties one that an earlier quickstart made. A folder with other files is refused.
func claim(name string) (folder, error) {
	path, err := filepath.Abs(name)
	if err != nil {
		return folder{}, unwritable(name, err)
	}
	if strings.Contains(path, "${") {
		return folder{}, &fencepost.UserError{Code: "usage", Exit: 2,
			Err:  fmt.Errorf("%s: a pipeline file would take ${ in this path for a variable", path),
			Help: "--dir with a folder whose whole path has no ${"}
	}
	f := folder{name: name, path: path}
	if err := f.check(); err != nil {
		return f, err
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return f, unwritable(name, err)
	}
	// The mark comes first: a folder that a kill left half made is still known as ours.
	if err := os.WriteFile(f.in(markName), []byte(mark), 0o644); err != nil {
		return f, unwritable(name, err)
	}
	return f, f.empty()
}

// check refuses a folder that is not ours to empty. It changes nothing.
func (f folder) check() error {
	entries, err := os.ReadDir(f.path)
	switch {
	case errors.Is(err, os.ErrNotExist) || err == nil && len(entries) == 0:
		return nil
	case err != nil:
		return unwritable(f.name, err)
	}
	if _, err := os.Stat(f.in(markName)); err != nil {
		return &fencepost.UserError{Code: "folder-foreign", Exit: 4,
			Err:  fmt.Errorf("%s: holds %s and was not made by quickstart; nothing was changed", f.name, entries[0].Name()),
			Help: "--dir with a new or an empty folder"}
	}
	if pid, running := broker.InUse(f.in(brokerName)); running {
		return &fencepost.UserError{Code: "folder-in-use", Exit: 4,
			Err:  fmt.Errorf("%s: a quickstart or a broker runs on it (pid %s); nothing was changed", f.name, pid),
			Help: "stop that one, or --dir with another folder"}
	}
	return nil
}

func (f folder) empty() error {
	names := []string{brokerName, pipelineName, controlFile}
	for _, db := range []string{databaseName, controlName} {
		names = append(names, db, db+"-wal", db+"-shm", db+"-journal")
	}
	for _, name := range names {
		if err := os.RemoveAll(f.in(name)); err != nil {
			return unwritable(f.name, err)
		}
	}
	return nil
}

func unwritable(name string, err error) error {
	if path, ok := errors.AsType[*os.PathError](err); ok {
		err = path.Err
	}
	return &fencepost.UserError{Code: "folder-not-writable", Exit: 1, Err: fmt.Errorf("%s: cannot be written: %w", name, err),
		Help: "--dir with a folder of yours, on a disk with 64 MiB free"}
}
