package kinds

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/fencepost/fencepost/decode/protobuf"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
)

// Protobuf is the part of a file under protobuf.
type Protobuf struct {
	File    string // X.proto, or X.desc with descriptors; empty: records name their schemas
	Message string // empty: the only one, or what the records say
}

// ProtobufKeys are the rows of the table of keys.
func ProtobufKeys() []keys.Row {
	return []keys.Row{
		{Path: "protobuf", Form: keys.FormMap, Like: "{file: flight.proto, message: Flight}", Doc: "for decode: protobuf"},
		{Path: "protobuf.file", Form: keys.FormText, Def: `""`, Doc: "X.proto, or X.desc of protoc --descriptor_set_out; empty: registry"},
		{Path: "protobuf.message", Form: keys.FormText, Def: `""`, Doc: "its name; empty: the only one, or what records say"},
	}
}

// ReadProtobuf takes the keys under protobuf.
func ReadProtobuf(r *keys.Reader) Protobuf {
	return Protobuf{File: keys.Get[string](r, "protobuf.file"), Message: keys.Get[string](r, "protobuf.message")}
}

// Load reads the schema of the file: text, which may import other files of the same folder, or descriptors.
func (p Protobuf) Load() (*protobuf.Schema, error) {
	b, err := os.ReadFile(p.File)
	if err != nil {
		return nil, fmt.Errorf("protobuf.file: %s", keys.PlainPathError(p.File, err))
	}
	if filepath.Ext(p.File) != ".proto" {
		s, err := protobuf.FromSet(b)
		if err != nil {
			return nil, fmt.Errorf("protobuf.file: %s: %w", p.File, err)
		}
		return s, nil
	}
	dir, name := filepath.Split(p.File)
	sources := map[string]protobuf.Source{name: {Text: string(b)}}
	root := os.DirFS(filepath.Clean(dir + "."))
	err = fs.WalkDir(root, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".proto") || len(sources) == mostProtos {
			return nil // what cannot be read cannot be imported, which the compiler says
		}
		if text, err := fs.ReadFile(root, path); err == nil {
			sources[path] = protobuf.Source{Text: string(text)}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("protobuf.file: %w", err)
	}
	s, err := protobuf.Compile(name, sources)
	if err != nil {
		return nil, fmt.Errorf("protobuf.file: %w", err)
	}
	return s, nil
}

// mostProtos bounds how many files are looked at for imports.
const mostProtos = 1000
