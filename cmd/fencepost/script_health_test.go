package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fencepost/fencepost/internal/broker"
)

// address sets a variable to an address of this machine that nothing else uses: address NAME.
func address(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], fmt.Sprintf("127.%d.%d.%d:%d", 100+rand.IntN(100), rand.IntN(256), 1+rand.IntN(254), 10_000+rand.IntN(20_000)))
}

// brokers are those of up. :: name of the script -> *broker.Broker
var brokers sync.Map

// up starts an embedded broker at an address, on the folder of the one that was there before: up ADDRESS.
func up(ts *testscript.TestScript, _ bool, args []string) {
	b, err := broker.Start(broker.Config{Dir: ts.MkAbs(".up"), Listen: args[0]})
	ts.Check(err)
	ts.Defer(func() { _ = b.Close() }) // down has, or the script is over
	ts.Setenv("KAFKA", b.Addr())
	brokers.Store(ts.Name(), b)
}

// down ends the broker of up.
func down(ts *testscript.TestScript, _ bool, _ []string) {
	b, _ := brokers.Load(ts.Name())
	ts.Check(b.(*broker.Broker).Close())
}

// ask asks again and again until the answer has a status and matches each pattern, or does not where it begins with !: ask STATUS URL PATTERN...
func ask(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	last := ""
	defer func() { ts.Logf("%s", last) }()
	until(ts, fmt.Sprint(args), func() bool {
		resp, err := http.Get(args[1])
		if err != nil {
			last = err.Error()
			return false
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		last = fmt.Sprintf("%d %s %v", resp.StatusCode, body, err)
		if resp.StatusCode != want {
			return false
		}
		for _, pattern := range args[2:] {
			pattern, absent := strings.CutPrefix(pattern, "!")
			if regexp.MustCompile(pattern).Match(body) == absent {
				return false
			}
		}
		return true
	})
}
