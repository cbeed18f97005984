package broker

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	lockName    = "fencepost.lock"
	metaName    = "meta.json"
	windowsName = "seq_windows.json"

	// metaVersion is the newest format that the pinned kfake reads; a test holds it to what a new folder gets.
	metaVersion = 1
)

// meta is kfake's meta.json.
type meta struct {
	Version   int    `json:"version"`
	ClusterID string `json:"cluster_id"`
}

// folder is a data folder that this process has to itself, from claim until release.
type folder struct {
	dir  string
	lock *os.File
}

// claim makes the folder if it is not there and locks it. Every error is a *UserError; a refused folder is as it was.
func claim(dir string) (*folder, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, folderFault(dir, err)
	}
	if err := refuseForeign(dir); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, folderFault(dir, err)
	}
	f := &folder{dir: dir, lock: file}
	if err := f.take(); err != nil {
		file.Close()
		return nil, err
	}
	return f, nil
}

// refuseForeign refuses a folder with files of other programs. The lock is made before anything else, so a folder that
// a kill left half made is still known as ours.
func refuseForeign(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return folderFault(dir, err)
	}
	for _, e := range entries {
		if e.Name() == lockName || e.Name() == metaName {
			return nil
		}
	}
	if len(entries) == 0 {
		return nil
	}
	return &Fault{
		Code: FolderForeign, Subject: dir,
		Why:  fmt.Sprintf("holds %s and no broker's files; nothing was changed", entries[0].Name()),
		Help: "--dir with an empty or a new folder",
	}
}

// take locks the folder, leaves our pid in it and refuses a format that we do not know.
func (f *folder) take() error {
	taken, err := lock(f.lock)
	if err != nil {
		return folderFault(f.dir, err)
	}
	if !taken {
		return &Fault{
			Code: FolderInUse, Subject: f.dir,
			Why:  fmt.Sprintf("a broker runs on it already (pid %s); nothing was changed", holder(f.lock)),
			Help: "stop that one, or --dir with another folder",
		}
	}
	if err := f.sign(); err != nil {
		return folderFault(f.dir, err)
	}
	m, err := f.meta()
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return folderFault(f.dir, err)
	case m.Version > metaVersion:
		return &Fault{
			Code: FolderNewer, Subject: f.dir,
			Why:  fmt.Sprintf("its format is version %d, this program knows %d; nothing was changed", m.Version, metaVersion),
			Help: "run the newer program, or --dir with a new folder",
		}
	}
	return nil
}

func (f *folder) sign() error {
	if err := f.lock.Truncate(0); err != nil {
		return err
	}
	_, err := f.lock.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	return err
}

func holder(lock *os.File) string {
	b := make([]byte, 20)
	n, _ := lock.ReadAt(b, 0)
	if pid := strings.TrimSpace(string(b[:n])); pid != "" {
		return pid
	}
	return "unknown"
}

// meta reads meta.json; os.ErrNotExist in a new folder.
func (f *folder) meta() (meta, error) {
	data, err := os.ReadFile(filepath.Join(f.dir, metaName))
	if err != nil {
		return meta{}, err
	}
	var m meta
	if err := json.Unmarshal(data, &m); err != nil {
		return meta{}, fmt.Errorf("parse %s: %w", metaName, err)
	}
	return m, nil
}

// forgetWindows takes away the sequence numbers that the last Close wrote, once they are loaded. kfake leaves them, and
// after a kill would hold producers to numbers long past: OUT_OF_ORDER_SEQUENCE_NUMBER for all they send.
func (f *folder) forgetWindows() error {
	err := os.Remove(filepath.Join(f.dir, windowsName))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func (f *folder) release() error { return f.lock.Close() }

func folderFault(dir string, err error) *Fault {
	if fault := diskFault(dir, err); fault != nil {
		return fault
	}
	return &Fault{
		Code: FolderDamaged, Subject: dir, Why: "cannot be read; nothing was changed",
		Help: "--dir with a new folder; this one can be removed if its records are not needed", Err: err,
	}
}

// InUse reports whether a broker runs on the folder, and which process holds it. It changes nothing.
func InUse(dir string) (pid string, running bool) {
	file, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR, 0)
	if err != nil {
		return "", false // no lock file, no broker; one that we may not open is refused by Start
	}
	defer file.Close()
	taken, err := lock(file)
	if taken || err != nil {
		return "", false
	}
	return holder(file), true
}
