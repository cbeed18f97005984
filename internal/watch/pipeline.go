package watch

import (
	"github.com/fencepost/fencepost/internal/admin"
	"github.com/fencepost/fencepost/internal/text"
	"github.com/fencepost/fencepost/internal/view"
)

// Pipeline is one pipeline, with its connectors.
type Pipeline struct {
	File      string // as it is typed in commands
	Topics    string
	Into      string
	Promise   view.Promise
	Resources admin.Resources
	// Pointed makes an error one whose remedy names the file; nil: it is shown as it is.
	Pointed func(error) error
	// Remedy names the file in a remedy; nil: it is shown as it is.
	Remedy func(string) string
	// Repeat says what so many repeated records do in the sink; nil: it is not known.
	Repeat func(text.Amount) string
	// AuditOptions is what an audit has to know of the pipeline, made anew for each; nil: nothing.
	AuditOptions func() admin.AuditOptions
}
