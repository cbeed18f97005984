package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/events"
)

// eventFile is where --events writes.
type eventFile struct {
	stream *events.Stream
	file   io.Closer // nil: stdout
}

// write has runs write their events, if a place is named: to stdout, or behind what a file has.
func (s *spokesman) write(name string, stdout io.Writer, runs []*oneRun) error {
	if name == "" {
		return nil
	}
	var out io.Writer = stdout
	var file io.Closer
	if name != "-" {
		f, err := openEvents(name)
		if err != nil {
			if at, is := errors.AsType[*fs.PathError](err); is {
				err = at.Err // the name is said already
			}
			return &fencepost.UserError{Code: "file-not-writable", Err: fmt.Errorf("--events %s: %w; nothing was started", name, err), Help: "--events with a file that can be written, or --events -"}
		}
		out, file = f, f
	}
	s.events = &eventFile{file: file, stream: events.New(out, func(err error) { runs[0].hears.Unwritten(fmt.Errorf("--events %s: %w", name, err)) })}
	for _, r := range runs {
		r.followers = append(r.followers, subscribed(s.events.stream.Of(r.file.Group, r.who)))
	}
	return nil
}

// openEvents opens a file to be appended to. What a killed run wrote of its last line stays a line of its own.
func openEvents(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	last := []byte{'\n'}
	if at, err := f.Seek(-1, io.SeekEnd); err == nil { // it is not empty, and can be read from any place
		if _, err := f.ReadAt(last, at); err != nil {
			last[0] = '\n'
		}
	}
	if last[0] != '\n' {
		if _, err := f.Write([]byte{'\n'}); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return f, nil
}

// close writes what is left.
func (f *eventFile) close() error {
	f.stream.Close()
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}
