package protobuf

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/parser"
	"github.com/bufbuild/protocompile/protoutil"
	"github.com/bufbuild/protocompile/reporter"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/fencepost/fencepost/decode/registry"
)

// Schema is messages by name: those of one file, and of what it imports.
type Schema struct {
	// Files are the files whose messages a record may be, in order: one, or those of a set of descriptors.
	Files []protoreflect.FileDescriptor
}

// Message is the descriptor of a message.
type Message = protoreflect.MessageDescriptor

// Source is one file of a schema: as text, or as a descriptor.
type Source struct {
	Text       string
	Descriptor *descriptorpb.FileDescriptorProto // nil: Text
}

// standard are the files of google/protobuf, which no registry holds.
var standard = protocompile.WithStandardImports(protocompile.ResolverFunc(func(path string) (protocompile.SearchResult, error) {
	return protocompile.SearchResult{}, protoregistry.NotFound
}))

// Compile makes a schema of the file at a path. sources are that file and those that it imports, by the paths of the imports; the files of
// google/protobuf need not be among them.
func Compile(path string, sources map[string]Source) (*Schema, error) {
	set := map[string]*descriptorpb.FileDescriptorProto{}
	isText := false
	for name, s := range sources {
		isText = isText || s.Descriptor == nil
		set[name] = s.Descriptor
	}
	if isText {
		var err error
		if set, err = parse(path, sources); err != nil {
			return nil, err
		}
	}
	files, err := link(set)
	if err != nil {
		return nil, err
	}
	f, err := files.FindFileByPath(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &Schema{Files: []protoreflect.FileDescriptor{f}}, nil
}

// FromSet makes a schema of a serialized FileDescriptorSet, as protoc --descriptor_set_out --include_imports writes one.
func FromSet(b []byte) (*Schema, error) {
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(b, &set); err != nil || len(set.File) == 0 {
		return nil, errors.Join(errors.New("it is no FileDescriptorSet"), err)
	}
	byPath := map[string]*descriptorpb.FileDescriptorProto{}
	for _, f := range set.File {
		byPath[f.GetName()] = f
	}
	files, err := link(byPath)
	if err != nil {
		return nil, err
	}
	s := &Schema{}
	for _, f := range set.File {
		fd, err := files.FindFileByPath(f.GetName())
		if err != nil {
			return nil, err
		}
		s.Files = append(s.Files, fd)
	}
	return s, nil
}

// parse compiles text, and returns the descriptors of all files that it needs.
func parse(path string, sources map[string]Source) (map[string]*descriptorpb.FileDescriptorProto, error) {
	c := protocompile.Compiler{Resolver: protocompile.WithStandardImports(protocompile.ResolverFunc(func(name string) (protocompile.SearchResult, error) {
		s, ok := sources[name]
		switch {
		case !ok:
			return protocompile.SearchResult{}, protoregistry.NotFound
		case s.Descriptor != nil:
			return protocompile.SearchResult{Proto: s.Descriptor}, nil
		}
		return searched(name, s.Text)
	}))}
	files, err := c.Compile(context.Background(), path)
	if err != nil {
		return nil, textError(sources, err)
	}
	set := map[string]*descriptorpb.FileDescriptorProto{}
	var add func(f protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) {
		if set[f.Path()] != nil || f.IsPlaceholder() {
			return
		}
		set[f.Path()] = protoutil.ProtoFromFileDescriptor(f)
		for i := range f.Imports().Len() {
			add(f.Imports().Get(i).FileDescriptor)
		}
	}
	for _, f := range files {
		add(f)
	}
	return set, nil
}

// searched is a text for the compiler. Apicurio's serializers register text in which the hidden message of a map field is written out, with the
// option map_entry, which the compiler's checks of a text refuse. Such a text goes around them: link checks the descriptors, and that such
// a message is exactly that of a map field.
func searched(name, text string) (protocompile.SearchResult, error) {
	if !strings.Contains(text, "map_entry") {
		return protocompile.SearchResult{Source: strings.NewReader(text)}, nil
	}
	handler := reporter.NewHandler(nil)
	file, err := parser.Parse(name, strings.NewReader(text), handler)
	if err != nil {
		return protocompile.SearchResult{}, err
	}
	parsed, err := parser.ResultFromAST(file, false, handler)
	return protocompile.SearchResult{ParseResult: parsed}, err
}

// textError adds the way out to what the compiler says of editions that it does not know.
func textError(sources map[string]Source, err error) error {
	for _, s := range sources {
		if s.Descriptor == nil && strings.Contains(s.Text, `edition = "2024"`) {
			return fmt.Errorf("%w: text of edition 2024 is not read, its descriptor is: protoc --descriptor_set_out=X.desc --include_imports", err)
		}
	}
	return err
}

// link adds the files of google/protobuf that others need, and makes the descriptors of all.
func link(set map[string]*descriptorpb.FileDescriptorProto) (*protoregistry.Files, error) {
	all := &descriptorpb.FileDescriptorSet{}
	seen := map[string]bool{}
	var add func(path string) error
	add = func(path string) error {
		if seen[path] {
			return nil
		}
		seen[path] = true
		f := set[path]
		if f == nil {
			found, err := standard.FindFileByPath(path)
			if err != nil {
				return fmt.Errorf("import %q is not there", path)
			}
			f = protoutil.ProtoFromFileDescriptor(found.Desc)
		}
		if f.GetName() != path { // a registry's name for it need not be the one in the descriptor
			f = proto.Clone(f).(*descriptorpb.FileDescriptorProto)
			f.Name = proto.String(path)
		}
		for _, d := range f.GetDependency() {
			if err := add(d); err != nil {
				return err
			}
		}
		all.File = append(all.File, f)
		return nil
	}
	for _, path := range slices.Sorted(func(yield func(string) bool) {
		for p := range set {
			if !yield(p) {
				return
			}
		}
	}) {
		if err := add(path); err != nil {
			return nil, err
		}
	}
	files, err := protodesc.NewFiles(all)
	if err != nil {
		return nil, fmt.Errorf("descriptors: %w", err)
	}
	return files, nil
}

// FromRegistry makes a schema of what a registry has: text or a descriptor, with what it refers to by the paths of imports.
func FromRegistry(r *registry.Schema) (*Schema, error) {
	if r.Type != registry.Protobuf && r.Type != registry.AnyType {
		return nil, fmt.Errorf("it is a schema of %s", strings.ToLower(r.Type.String()))
	}
	const root = "registered.proto" // it has no path of its own
	sources := map[string]Source{}
	var add func(path string, r *registry.Schema) error
	add = func(path string, r *registry.Schema) error {
		s := Source{Text: r.Text}
		if r.Descriptor != nil {
			s.Descriptor = &descriptorpb.FileDescriptorProto{}
			if err := proto.Unmarshal(r.Descriptor, s.Descriptor); err != nil {
				return fmt.Errorf("%s is no descriptor: %w", path, err)
			}
			s.Descriptor.Name = proto.String(path)
		}
		if other, ok := sources[path]; ok {
			if other.Text != s.Text {
				return fmt.Errorf("two files are imported as %s", path)
			}
			return nil
		}
		sources[path] = s
		for _, ref := range r.References {
			if err := add(ref.Name, ref.Schema); err != nil {
				return err
			}
		}
		return nil
	}
	if err := add(root, r); err != nil {
		return nil, err
	}
	return Compile(root, sources)
}

// Message is the message of a full name, or of a name without its package where one message alone has it.
func (s *Schema) Message(name string) (protoreflect.MessageDescriptor, error) {
	switch found := s.called(name); len(found) {
	case 0:
		return nil, fmt.Errorf("it has no message %s, it has %s", name, strings.Join(s.names(5), ", "))
	case 1:
		return found[0], nil
	default:
		return nil, fmt.Errorf("%s may be %s: name it in full", name, words(found))
	}
}

// called are the messages of a full name; else those of a name without the package, or without the messages around them too.
func (s *Schema) called(name string) (found []protoreflect.MessageDescriptor) {
	for _, f := range s.Files {
		found = append(found, messagesIn(f.Messages(), func(m protoreflect.MessageDescriptor) bool { return string(m.FullName()) == name })...)
	}
	if len(found) > 0 {
		return found
	}
	for _, f := range s.Files {
		found = append(found, messagesIn(f.Messages(), func(m protoreflect.MessageDescriptor) bool {
			return string(m.Name()) == name || string(m.FullName()) == string(f.Package())+"."+name
		})...)
	}
	return found
}

// messagesIn are the messages that fit, of some and of those inside of them.
func messagesIn(in protoreflect.MessageDescriptors, fits func(protoreflect.MessageDescriptor) bool) (found []protoreflect.MessageDescriptor) {
	for i := range in.Len() {
		m := in.Get(i)
		if !m.IsMapEntry() && fits(m) {
			found = append(found, m)
		}
		found = append(found, messagesIn(m.Messages(), fits)...)
	}
	return found
}

// names are the names of the first messages.
func (s *Schema) names(most int) (names []string) {
	for _, f := range s.Files {
		for i := range f.Messages().Len() {
			if len(names) == most {
				return append(names, "...")
			}
			names = append(names, string(f.Messages().Get(i).FullName()))
		}
	}
	return names
}

// Only is the one message that records can be: of a schema with one message on its top level.
func (s *Schema) Only() (protoreflect.MessageDescriptor, error) {
	var only protoreflect.MessageDescriptor
	for _, f := range s.Files {
		for i := range f.Messages().Len() {
			if only != nil {
				return nil, fmt.Errorf("it has several messages: %s", strings.Join(s.names(5), ", "))
			}
			only = f.Messages().Get(i)
		}
	}
	if only == nil {
		return nil, errors.New("it has no message")
	}
	return only, nil
}

// At returns the messages that a record's indexes may mean. They are two where a map field of a message makes a hidden message inside of
// it: serializers over descriptors (Python) count it, those over text (Java, JavaScript) do not. Without an error there is at least one.
func (s *Schema) At(indexes []int) (counted, uncounted protoreflect.MessageDescriptor, err error) {
	if len(indexes) == 0 {
		indexes = []int{0}
	}
	counted = follow(s.Files[0].Messages(), indexes, func(protoreflect.MessageDescriptor) bool { return true })
	uncounted = follow(s.Files[0].Messages(), indexes, func(m protoreflect.MessageDescriptor) bool { return !m.IsMapEntry() })
	if counted != nil && counted.IsMapEntry() {
		counted = nil
	}
	if counted == nil && uncounted == nil {
		return nil, nil, fmt.Errorf("its message indexes %v lead to no message of %s", indexes, s.Files[0].Path())
	}
	return cmp.Or(counted, uncounted), cmp.Or(uncounted, counted), nil
}

// follow is the message that indexes lead to, of those that count; nil for none.
func follow(in protoreflect.MessageDescriptors, indexes []int, counts func(protoreflect.MessageDescriptor) bool) (m protoreflect.MessageDescriptor) {
	for _, index := range indexes {
		m = nil
		at := 0
		for i := range in.Len() {
			if !counts(in.Get(i)) {
				continue
			}
			if at == index {
				m = in.Get(i)
				break
			}
			at++
		}
		if m == nil {
			return nil
		}
		in = m.Messages()
	}
	return m
}
