//go:build realservers

package servers_test

import (
	"testing"

	"github.com/fencepost/fencepost/internal/servers"
)

func TestMain(m *testing.M) { servers.Main(m) }
