package servers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// axe-core as npm has it, and the digest of its axe.min.js.
const (
	axePackage = "axe-core@4.14.1"
	axeDigest  = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
)

// fetchAxe takes axe.min.js out of its package.
func (k kit) fetchAxe(ctx context.Context) error {
	dir := k.path("axe")
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return err
	}
	pack := exec.CommandContext(ctx, "npm", "pack", "--silent", "--no-update-notifier", axePackage)
	pack.Dir = dir
	if err := runQuietly(pack); err != nil {
		return err
	}
	packs, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(packs) != 1 {
		return fmt.Errorf("npm pack %s made %q: %w", axePackage, packs, err)
	}
	unpack := exec.CommandContext(ctx, "tar", "xzf", packs[0], "--strip-components=1", "package/axe.min.js", "package/LICENSE")
	unpack.Dir = dir
	if err := runQuietly(unpack); err != nil {
		return err
	}
	script, err := os.ReadFile(filepath.Join(dir, "axe.min.js"))
	if err != nil {
		return err
	}
	if sum := sha256.Sum256(script); hex.EncodeToString(sum[:]) != axeDigest {
		return errors.Join(fmt.Errorf("%s: axe.min.js is %x, want %s", axePackage, sum, axeDigest), os.RemoveAll(dir))
	}
	return os.Remove(packs[0])
}

// Browser is where Chromium is, and the script of axe-core, which a test evaluates in a page.
func Browser(t testing.TB) (chromium, axe string) {
	t.Helper()
	k, err := openKit()
	if err != nil {
		t.Fatal(err)
	}
	if chromium, err = exec.LookPath("chromium"); err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile(k.path("axe", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return chromium, string(script)
}
