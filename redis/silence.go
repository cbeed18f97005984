package redis

import (
	"context"

	goredis "github.com/redis/go-redis/v9"
)

// Silence keeps the client library from writing to stderr what this room returns as errors anyway. It holds for the whole
// process, so it is for programs to call, not for libraries.
func Silence() { goredis.SetLogger(silent{}) }

type silent struct{}

// Printf drops a line of the library's log.
func (silent) Printf(context.Context, string, ...any) {}
