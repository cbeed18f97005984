package servers

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Address returns a loopback address that was not given out lately. All of
// 127.0.0.0/8 is this machine on Linux, so each instance gets its own address
// and its normal port, and no free port is ever searched for.
func Address(t testing.TB) string {
	t.Helper()
	host, err := nextAddress()
	if err != nil {
		t.Fatal(err)
	}
	return host
}

// Addresses below 127.77.20.1 are left to people who try things by hand.
const (
	firstBlock = 20
	blocks     = 255 - firstBlock
	perBlock   = 254
)

// nextAddress counts in a file that all processes of the machine share,
// whatever their TMPDIR. It
// starts over after some sixty thousand addresses.
func nextAddress() (string, error) {
	file, err := openCounter("/tmp/fencepost-addresses")
	if err != nil {
		return "", fmt.Errorf("take an address: %w", err)
	}
	defer file.Close()
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("lock %s: %w", file.Name(), err)
	}
	text, err := os.ReadFile(file.Name())
	if err != nil {
		return "", fmt.Errorf("take an address: %w", err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		n = 0 // a new file, or one that a full disk cut short
	}
	next := fmt.Sprintf("%-12d\n", n+1) // one width, so that one write replaces all
	if _, err := file.WriteAt([]byte(next), 0); err != nil {
		return "", fmt.Errorf("take an address: %w", err)
	}
	n %= blocks * perBlock
	return fmt.Sprintf("127.77.%d.%d", firstBlock+n/perBlock, 1+n%perBlock), nil
}

// openCounter opens without O_CREATE first: Linux refuses O_CREATE on another
// user's file in /tmp (fs.protected_regular).
func openCounter(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if !errors.Is(err, fs.ErrNotExist) {
		return file, err
	}
	file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	if err := file.Chmod(0o666); err != nil && !errors.Is(err, fs.ErrPermission) {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}
