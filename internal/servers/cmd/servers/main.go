package main

import (
	"context"
	"fmt"
	"os"

	"github.com/fencepost/fencepost/internal/servers"
)

const usage = `usage: servers install
       servers run -- COMMAND [ARGUMENT...]`

func main() {
	code, err := run(context.Background(), os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "servers:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func run(ctx context.Context, args []string) (int, error) {
	switch {
	case len(args) == 1 && args[0] == "install":
		return 0, servers.Install(ctx, os.Stderr)
	case len(args) > 2 && args[0] == "run" && args[1] == "--":
		return servers.Run(ctx, args[2:], os.Stderr)
	}
	fmt.Fprintln(os.Stderr, usage)
	return 2, nil
}
