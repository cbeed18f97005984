//go:build realservers

package scenarios

import (
	"github.com/fencepost/fencepost"
)

func flightFields() func() fencepost.Decoder { return nil }

type apart struct {
	fencepost.Sink
	dsn string
}
