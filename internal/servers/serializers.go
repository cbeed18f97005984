package servers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// Serializer is a library with which producers serialize values, and register their schemas, in front of a schema registry. Its bytes are not
// ours, which is what tests want of them.
type Serializer uint8

// The serializers.
const (
	Python     Serializer = iota // confluent-kafka of PyPI
	JavaScript                   // @confluentinc/schemaregistry of npm
	Java                         // Apicurio's of Maven
)

// Job is a value to serialize.
type Job struct {
	Topic   string `json:"topic"`
	Key     bool   `json:"key,omitempty"` // as a record's key, else as its value
	Type    string `json:"type"`          // AVRO, PROTOBUF; JSON, which Java has not
	Schema  string `json:"schema,omitempty"`
	Files   []byte `json:"files,omitempty"`   // of PROTOBUF, in the place of Schema: a FileDescriptorSet, each file behind those that it imports
	Message string `json:"message,omitempty"` // of PROTOBUF: its full name in Files
	// Value is JSON. PROTOBUF: the message in Protobuf's own JSON. AVRO: to Java, Avro's own JSON; to the others, values of their own language, and what JSON
	// has no type for in an object of one name: {"$bytes": BASE64}, {"$float": "NaN"}; to Python also $decimal, $date, $time, $datetime, $uuid,
	// and $tuple [NAME, VALUE] for a branch of a union; to JavaScript $bigint.
	Value      json.RawMessage   `json:"value"`
	References []SchemaReference `json:"references,omitempty"` // of Schema; Java takes none
	Header     bool              `json:"header,omitempty"`     // the id goes into a header; Java decides that by Config
	Mock       bool              `json:"mock,omitempty"`       // against a registry in the serializer's own memory, which gives GUIDs, as Apicurio does not
	// Config are settings of Java's serializer: "apicurio.registry.headers.enabled": "false". With "single_object" it is Avro's BinaryMessageEncoder instead.
	Config map[string]string `json:"config,omitempty"`
}

// SchemaReference names a version of a subject that a schema refers to.
type SchemaReference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

// Serialized is what became of a Job.
type Serialized struct {
	Bytes   []byte             `json:"bytes"`
	Headers []SerializedHeader `json:"headers"`
	Error   string             `json:"error"` // of the serializer; empty: it went well
}

// SerializedHeader is a header that a serializer added to the record.
type SerializedHeader struct {
	Key   string `json:"key"`
	Value []byte `json:"value"`
}

// Serialize runs a serializer over all jobs, in one process, and returns what became of each. A job that fails has an Error; the others are
// done all the same.
func (r RegistryServer) Serialize(t testing.TB, s Serializer, jobs ...Job) []Serialized {
	t.Helper()
	k, err := openKit()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	input, err := json.Marshal(jobs)
	if err != nil {
		t.Fatal(err)
	}
	cmd, err := k.serializer(ctx, s, r)
	if err != nil {
		t.Fatal(err)
	}
	var out, said bytes.Buffer
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = filepath.Clean(t.TempDir()), bytes.NewReader(input), &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("serialize: %v\n%s%s", err, out.String(), said.String())
	}
	var done []Serialized
	if err := json.Unmarshal(out.Bytes(), &done); err != nil || len(done) != len(jobs) {
		t.Fatalf("serialize: %d answers to %d jobs, %v\n%s", len(done), len(jobs), err, said.String())
	}
	return done
}

// serializer is the program of a serializer.
func (k kit) serializer(ctx context.Context, s Serializer, r RegistryServer) (*exec.Cmd, error) {
	dir := k.path("serializers")
	switch s {
	case Python:
		cmd := exec.CommandContext(ctx, "python3", filepath.Join(dir, "serialize.py"), r.URL())
		cmd.Env = append(os.Environ(), "PYTHONPATH="+filepath.Join(dir, "python"), "PYTHONDONTWRITEBYTECODE=1")
		return cmd, nil
	case JavaScript:
		return exec.CommandContext(ctx, "node", filepath.Join(dir, "serialize.js"), r.URL()), nil
	case Java:
		jars, err := k.jars("serializers")
		return exec.CommandContext(ctx, "java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
			"-cp", filepath.Join(dir, "classes")+":"+jars, "Serialize", r.OwnURL()), err
	}
	return nil, fmt.Errorf("no serializer %d", s)
}

// serializerFiles are the programs, and what their package managers fetch for them. package.json puts empty packages in the place of the key management of
// three clouds, which no test needs: a fifth of the size, and of the time.
var serializerFiles = []string{"Serialize.java", "package-lock.json", "package.json", "pom.xml", "requirements.txt", "serialize.js", "serialize.py"}

// serializerRecipe is the text of all of them.
func serializerRecipe() (string, error) {
	var all strings.Builder
	for _, name := range serializerFiles {
		text, err := embedded.ReadFile("files/serializers/" + name)
		if err != nil {
			return "", fmt.Errorf("read serializers: %w", err)
		}
		all.Write(text)
	}
	return all.String(), nil
}

// fetchSerializers lets three package managers bring the serializers, side by side: most of the time they wait.
func (k kit) fetchSerializers(ctx context.Context) error {
	dir := k.path("serializers")
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return err
	}
	for _, name := range serializerFiles {
		text, err := embedded.ReadFile("files/serializers/" + name)
		if err := errors.Join(err, os.WriteFile(filepath.Join(dir, name), text, 0o644)); err != nil {
			return err
		}
	}
	in := func(name string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Dir = dir
		return cmd
	}
	var all errgroup.Group
	all.Go(func() error {
		return runQuietly(in("python3", "-m", "pip", "install", "-q", "--no-deps", "--no-compile", "--disable-pip-version-check", "--root-user-action=ignore",
			"--target", "python", "-r", "requirements.txt"))
	})
	all.Go(func() error {
		return runQuietly(in("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--no-update-notifier"))
	})
	all.Go(func() error {
		if err := runQuietly(in("mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=libs")); err != nil {
			return err
		}
		jars, err := k.jars("serializers")
		if err != nil {
			return err
		}
		// The compiler is Eclipse's, which is a jar: the machine may have a runtime without javac.
		return runQuietly(in("java", "-cp", jars, "org.eclipse.jdt.internal.compiler.batch.Main", "-17", "-nowarn", "-proc:none", "-cp", jars, "-d", "classes", "Serialize.java"))
	})
	return all.Wait()
}
