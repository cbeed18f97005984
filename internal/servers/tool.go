package servers

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// KafkaTool runs one of Kafka's own command line tools, by its class in org.apache.kafka.tools, and returns what it
// wrote to stdout. A tool that fails or takes longer than a minute fails the test with its stderr.
func KafkaTool(t testing.TB, class string, args ...string) string {
	t.Helper()
	k, err := openKit()
	if err != nil {
		t.Fatal(err)
	}
	path, err := k.classPath()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out, said bytes.Buffer
	cmd := exec.CommandContext(ctx, "java", append([]string{"-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
		"-cp", path, "org.apache.kafka.tools." + class}, args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = filepath.Clean(t.TempDir()), &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %q: %v\n%s%s", class, args, err, out.String(), said.String())
	}
	return out.String()
}
