//go:build realservers

package registry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode/registry"
	"github.com/fencepost/fencepost/internal/servers"
)

func TestMain(m *testing.M) { servers.Main(m) }

const avroText = `{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"string"}]}`

// files are two messages, the second with a map field before a nested message.
func files(t *testing.T) []byte {
	t.Helper()
	field := func(name string, n int32, kind descriptorpb.FieldDescriptorProto_Type) *descriptorpb.FieldDescriptorProto {
		return &descriptorpb.FieldDescriptorProto{Name: &name, JsonName: &name, Number: &n, Type: &kind, Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()}
	}
	x := func() *descriptorpb.FieldDescriptorProto {
		return field("x", 1, descriptorpb.FieldDescriptorProto_TYPE_INT64)
	}
	entries := field("m", 2, descriptorpb.FieldDescriptorProto_TYPE_MESSAGE)
	entries.Label, entries.TypeName = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum(), proto.String(".t.B.MEntry")
	set := &descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{{
		Name: proto.String("t.proto"), Package: proto.String("t"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{
			{Name: proto.String("A"), Field: []*descriptorpb.FieldDescriptorProto{x()}},
			{Name: proto.String("B"), Field: []*descriptorpb.FieldDescriptorProto{x(), entries}, NestedType: []*descriptorpb.DescriptorProto{
				{Name: proto.String("MEntry"), Options: &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)}, Field: []*descriptorpb.FieldDescriptorProto{
					field("key", 1, descriptorpb.FieldDescriptorProto_TYPE_STRING), field("value", 2, descriptorpb.FieldDescriptorProto_TYPE_INT64)}},
				{Name: proto.String("In"), Field: []*descriptorpb.FieldDescriptorProto{x()}},
			}},
		},
	}}}
	b, err := proto.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// written is a record's value as a serializer wrote it.
func written(t *testing.T, s servers.Serialized) *fencepost.Record {
	t.Helper()
	if s.Error != "" {
		t.Fatal(s.Error)
	}
	r := &fencepost.Record{Key: s.Bytes, Value: s.Bytes}
	for _, h := range s.Headers {
		r.Headers = append(r.Headers, fencepost.Header{Key: h.Key, Value: h.Value})
	}
	return r
}

// What Python's, JavaScript's and Java's serializers write is taken apart, and the schemas that they registered are found by what they wrote.
func TestWhatProducersWrite(t *testing.T) {
	server := servers.Registry(t)
	client, err := registry.NewClient(registry.Config{URLs: []string{server.URL()}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	value := func(text string) json.RawMessage { return json.RawMessage(text) }
	type want struct {
		job     servers.Job
		framing registry.Framing
		kind    registry.Kind
		body    string // hex
		message string // indexes or a name, as fmt prints Message
		mock    bool   // the registry knows nothing of it
		text    string // what the schema has; "descriptor": it is one
	}
	avro := servers.Job{Type: "AVRO", Schema: avroText, Value: value(`{"a":1,"b":"xy"}`)}
	protobuf := func(message string) servers.Job {
		return servers.Job{Type: "PROTOBUF", Files: files(t), Message: message, Value: value(`{"x":1}`)}
	}
	with := func(j servers.Job, change func(*servers.Job)) servers.Job { change(&j); return j }
	header := func(j *servers.Job) { j.Header, j.Mock = true, true }
	config := func(pairs ...string) func(*servers.Job) {
		return func(j *servers.Job) {
			j.Config = map[string]string{}
			for i := 0; i < len(pairs); i += 2 {
				j.Config["apicurio.registry."+pairs[i]] = pairs[i+1]
			}
		}
	}
	a, p, js := registry.Framing{Type: registry.Avro}, registry.Framing{Type: registry.Protobuf}, registry.Framing{Type: registry.JSON}
	// Apicurio refuses a JSON schema without properties (422, "Failed to discover artifact type"), though the request says of which type it is.
	confluent := func(nested string) []want {
		return []want{
			{avro, a, registry.SchemaID, "02047879", "[]", false, avroText},
			{with(avro, header), a, registry.GUID, "02047879", "[]", true, ""},
			{protobuf("t.A"), p, registry.SchemaID, "0801", "[0]", false, "descriptor"},
			{protobuf("t.B"), p, registry.SchemaID, "0801", "[1]", false, "descriptor"},
			{protobuf("t.B.In"), p, registry.SchemaID, "0801", nested, false, "descriptor"},
			{with(protobuf("t.B"), header), p, registry.GUID, "0801", "[1]", true, ""},
			{servers.Job{Type: "JSON", Schema: `{"type":"object","title":"T","properties":{"a":{"type":"integer"}}}`, Value: value(`{"a":1}`)}, js, registry.SchemaID, ``, "[]", false, `"title":"T"`},
		}
	}
	apicurio, four := a, a
	apicurio.Form, four.Form = registry.Apicurio, registry.ApicurioFour
	apicurioP, fourP := p, p
	apicurioP.Form, fourP.Form = registry.Apicurio, registry.ApicurioFour
	java := []want{
		{avro, apicurio, registry.GlobalID, "02047879", "[]", false, avroText},
		{with(avro, config("use-id", "contentId")), apicurio, registry.ContentID, "02047879", "[]", false, avroText},
		{with(avro, config("headers.enabled", "false")), apicurio, registry.GlobalID, "02047879", "[]", false, avroText},
		{with(avro, config("headers.enabled", "false", "as-confluent", "true")), four, registry.GlobalID, "02047879", "[]", false, avroText},
		{protobuf("t.B"), apicurioP, registry.GlobalID, "0801", "B[]", false, "message B"},
		{with(protobuf("t.B"), config("headers.enabled", "false")), apicurioP, registry.GlobalID, "0801", "B[]", false, "message B"},
		{with(protobuf("t.B"), config("headers.enabled", "false", "as-confluent", "true")), fourP, registry.GlobalID, "0801", "B[]", false, "message B"},
	}
	for serializer, wants := range map[servers.Serializer][]want{servers.Python: confluent("[1 1]"), servers.JavaScript: confluent("[1 0]"), servers.Java: java} {
		var jobs []servers.Job
		topic := servers.Name(t)
		for _, w := range wants {
			w.job.Topic = fmt.Sprintf("%s_%d_%s", topic, serializer, w.job.Type)
			jobs = append(jobs, w.job)
		}
		for i, done := range server.Serialize(t, serializer, jobs...) {
			w := wants[i]
			frame, err := registry.NewFramer(w.framing).Frame(written(t, done))
			if err != nil {
				t.Errorf("serializer %d, job %d: % x: %v", serializer, i, done.Bytes, err)
				continue
			}
			body := unhex(t, w.body)
			if w.framing.Type == registry.JSON {
				body = []byte(`{"a":1}`)
			}
			message := fmt.Sprintf("%s%d", frame.Message.Name, frame.Message.Indexes)
			if frame.ID.Kind != w.kind || !bytes.Equal(frame.Body, body) || message != w.message {
				t.Errorf("serializer %d, job %d: got %s, % x, %s, want a %s, % x, %s", serializer, i, frame.ID, frame.Body, message, w.kind, body, w.message)
			}
			if w.mock {
				continue
			}
			schema, err := client.Schema(t.Context(), frame.ID)
			switch {
			case err != nil:
				t.Errorf("serializer %d, job %d: %v", serializer, i, err)
			case w.text == "descriptor":
				if file := new(descriptorpb.FileDescriptorProto); proto.Unmarshal(schema.Descriptor, file) != nil || file.GetName() != "t.proto" {
					t.Errorf("serializer %d, job %d: got %q, want a descriptor of t.proto", serializer, i, schema.Text)
				}
			case !strings.Contains(strings.ReplaceAll(schema.Text, " ", ""), strings.ReplaceAll(w.text, " ", "")) || schema.Descriptor != nil:
				t.Errorf("serializer %d, job %d: got %q, want %s", serializer, i, schema.Text, w.text)
			}
			if schema != nil && schema.Type != w.framing.Type && schema.Type != registry.AnyType {
				t.Errorf("serializer %d, job %d: got the type %s, want %s", serializer, i, schema.Type, w.framing.Type)
			}
		}
	}
}

// post sends JSON to the registry.
func post(t *testing.T, method, url, body string) {
	t.Helper()
	ask, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	ask.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(ask)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode >= 300 {
		t.Fatalf("%s %s: %s", method, url, answer.Status)
	}
}

// What a real registry answers means what this package takes it for.
func TestARealRegistry(t *testing.T) {
	server := servers.Registry(t)
	name := servers.Name(t)
	subject := server.URL() + "/subjects/" + name
	post(t, http.MethodPost, subject+"-dep/versions", `{"schema":"{\"type\":\"record\",\"name\":\"Dep`+name+`\",\"fields\":[]}"}`)
	post(t, http.MethodPost, subject+"-value/versions", `{"schema":"{\"type\":\"record\",\"name\":\"Top\",\"fields\":[{\"name\":\"d\",\"type\":\"Dep`+name+`\"}]}",
		"references":[{"name":"Dep`+name+`","subject":"`+name+`-dep","version":1}]}`)
	fresh := func() *registry.Client {
		c, err := registry.NewClient(registry.Config{URLs: []string{server.URL()}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	latest, err := fresh().Latest(t.Context(), registry.Subject(name, registry.Value))
	if err != nil || latest.Version != 1 || latest.Versions != 1 || latest.Type != registry.Avro {
		t.Fatalf("got %+v, %v", latest, err)
	}
	if _, err := fresh().Latest(t.Context(), name+"-none"); !errors.Is(err, registry.ErrNoSubject) {
		t.Errorf("got %v, want ErrNoSubject", err)
	}
	for _, id := range []registry.ID{latest.ID, {Kind: registry.ContentID, Number: latest.ID.Number}} {
		schema, err := fresh().Schema(t.Context(), id)
		if err != nil || len(schema.References) != 1 || !strings.Contains(schema.References[0].Schema.Text, `"Dep`+name) {
			t.Errorf("%s: got %+v, %v, want a reference to Dep", id, schema, err)
		}
	}
	for _, c := range []struct {
		id   registry.ID
		code string
	}{
		{id(registry.SchemaID, 1<<30), registry.Unknown},
		{id(registry.GlobalID, 1<<30), registry.Unknown},
		{id(registry.ContentID, 1<<30), registry.Unknown},
		{guidID(t), registry.Refused}, // Apicurio knows no GUIDs: its 404 says nothing about one
	} {
		_, err := fresh().Schema(t.Context(), c.id)
		if n := notYet(t, err); n.Code != c.code {
			t.Errorf("%s: got %s %q, want %s", c.id, n.Code, n.Reason, c.code)
		}
	}
	// A version that was deleted softly is still found by its id; one that was deleted for good is not.
	post(t, http.MethodDelete, subject+"-value/versions/1", "")
	if _, err := fresh().Schema(t.Context(), latest.ID); err != nil {
		t.Errorf("deleted softly: %v", err)
	}
	post(t, http.MethodDelete, subject+"-value/versions/1?permanent=true", "")
	_, err = fresh().Schema(t.Context(), latest.ID)
	if n := notYet(t, err); n.Code != registry.Unknown {
		t.Errorf("deleted for good: got %s %q, want %s", n.Code, n.Reason, registry.Unknown)
	}
}

// Records wait for a registry that is killed, and go on when it is back.
func TestARegistryThatIsKilled(t *testing.T) {
	server := servers.OwnRegistry(t)
	post(t, http.MethodPost, server.URL()+"/subjects/x/versions", `{"schema":"\"int\""}`)
	client, err := registry.NewClient(registry.Config{URLs: []string{server.URL()}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server.Kill()
	_, err = client.Schema(t.Context(), id(registry.SchemaID, 1))
	if n := notYet(t, err); n.Code != registry.Silent {
		t.Errorf("got %s %q, want %s", n.Code, n.Reason, registry.Silent)
	}
	server.Start() // which takes longer than the pause; what it held is gone
	post(t, http.MethodPost, server.URL()+"/subjects/x/versions", `{"schema":"\"int\""}`)
	if s, err := client.Schema(t.Context(), id(registry.SchemaID, 1)); err != nil || s.Text != `"int"` {
		t.Errorf("got %+v, %v", s, err)
	}
}
