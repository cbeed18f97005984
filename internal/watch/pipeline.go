package watch

import (
	"github.com/fencepost/fencepost/internal/admin"
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
}
