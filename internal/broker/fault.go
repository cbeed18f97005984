package broker

import (
	"errors"
	"fmt"
	"os"
)

// Code names a Fault for programs and for `fencepost help CODE`; it does not change from one release to the next.
type Code string

// The codes of Start and of Broker.Faults.
const (
	PortInUse         Code = "port-in-use"         // another program listens on the address
	ListenRefused     Code = "listen-refused"      // the system does not let us listen there
	NotLoopback       Code = "not-loopback"        // the address is not HOST:PORT with a host in 127.0.0.0/8
	FolderInUse       Code = "folder-in-use"       // another broker runs on the folder
	FolderForeign     Code = "folder-foreign"      // the folder holds files, and none of a broker
	FolderNotWritable Code = "folder-not-writable" // no permission, a read-only file system, or no folder
	FolderNewer       Code = "folder-newer"        // a newer program wrote the folder
	FolderDamaged     Code = "folder-damaged"      // the broker's files there cannot be read
	DiskFull          Code = "disk-full"           // no space, or no quota, left
)

// Fault is why a broker does not start, or cannot go on storing. It is made for the screen:
//
//	error[CODE]: SUBJECT: WHY
//	help: HELP
type Fault struct {
	Code    Code
	Subject string // the address or the folder
	Why     string // what was found there, and what was not done
	Help    string // what to do, with flags to paste
	Err     error  // the system's own error; nil when we decided
}

// Error is "SUBJECT: WHY" and the system's own error, if there is one.
func (f *Fault) Error() string {
	if f.Err == nil {
		return fmt.Sprintf("%s: %s", f.Subject, f.Why)
	}
	return fmt.Sprintf("%s: %s: %v", f.Subject, f.Why, f.Err)
}

// Unwrap is the system's own error, or nil.
func (f *Fault) Unwrap() error { return f.Err }

// diskFault names an error of writing to dir, or returns nil if it is none that we know.
func diskFault(dir string, err error) *Fault {
	switch {
	case isDiskFull(err):
		return &Fault{Code: DiskFull, Subject: dir, Why: "no space left; a record that its producer was refused is not stored", Help: "free space and start it again", Err: err}
	case errors.Is(err, os.ErrPermission) || isReadOnly(err):
		return &Fault{Code: FolderNotWritable, Subject: dir, Why: "cannot be written", Help: "--dir with a folder of yours", Err: err}
	}
	return nil
}
