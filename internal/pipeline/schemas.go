package pipeline

import (
	"fmt"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/debezium"
	"github.com/fencepost/fencepost/decode/protobuf"
	"github.com/fencepost/fencepost/decode/registry"
)

// schemas are where the schemas of records come from.
type schemas struct {
	registry *registry.Client // nil: the file has none
	file     *protobuf.Schema // of Protobuf; nil: the file names none
	known    registry.Schemas // of Avro; nil: the file names none
}

// avro has the schemas of Avro.
func (s *schemas) avro() registry.Schemas {
	if s.known != nil {
		return s.known
	}
	return s.registry
}

// guarded are the schemas of Avro without those of change events that the pipeline does not accept.
func (s *schemas) guarded(c debezium.Config) *schemas {
	g := *s
	g.known = c.Guard(s.avro())
	return &g
}

// openSchemas makes what the file's decoder asks for schemas. It connects to nothing.
func (f *File) openSchemas() (*schemas, error) {
	client, err := f.openRegistry()
	if err != nil {
		return nil, err
	}
	s := &schemas{registry: client}
	if f.Decode == "avro" && len(f.Avro.Schemas) > 0 {
		if s.known, err = f.Avro.Open(); err != nil {
			return nil, f.faultAt("avro.schema", err)
		}
		return s, nil
	}
	if f.Decode != "protobuf" || f.Protobuf.File == "" {
		return s, nil
	}
	if s.file, err = f.Protobuf.Load(); err != nil {
		return nil, f.faultAt("protobuf.file", err)
	}
	if _, err := f.messageOf(s.file); err != nil {
		return nil, f.faultAt("protobuf.message", fmt.Errorf("protobuf.message: %s: %w", f.Protobuf.File, err))
	}
	return s, nil
}

// protobuf is the decoder's part of the file.
func (s *schemas) protobuf(f *File, c decode.Config) protobuf.Config {
	out := protobuf.Config{Config: c, Schema: s.file, Message: f.Protobuf.Message}
	if s.registry != nil && f.Protobuf.File == "" {
		out.Schemas, out.Framing = s.registry, f.Registry.Framing()
	}
	return out
}

// messageOf is the message that the file takes of a schema.
func (f *File) messageOf(s *protobuf.Schema) (protobuf.Message, error) {
	if f.Protobuf.Message == "" {
		return s.Only()
	}
	return s.Message(f.Protobuf.Message)
}

// checkProtobuf compares the columns with the file's message: what no record can fill is found before one is there.
func (o *Opened) checkProtobuf() []fencepost.Finding {
	if o.schemas.file == nil {
		return nil
	}
	m, err := o.File.messageOf(o.schemas.file)
	if err != nil {
		return nil // openSchemas has refused it
	}
	p := valuePart(o.File)
	if found := unfilled("schema", "", p.schema, protobuf.Compare(m, p.config)); found != nil {
		return found
	}
	return []fencepost.Finding{{Subject: "schema", OK: true, Text: fmt.Sprintf("message %s of %s has what the columns take", m.FullName(), o.File.Protobuf.File)}}
}
