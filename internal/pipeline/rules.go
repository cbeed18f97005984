package pipeline

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode"
	"github.com/fencepost/fencepost/decode/registry"
	"github.com/fencepost/fencepost/decode/shape"
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/pipeline/kinds"
	"github.com/fencepost/fencepost/internal/text"
)

// rules looks at what single keys cannot show: what belongs together, what excludes each other, ranges.
func rules(r *keys.Reader, f *File) {
	groupRules(r, f)
	brokerRules(r, f)
	partitionRules(r, f)
	loginRules(r, f)
	sinkRules(r, f)
	ledgerRules(r, f)
	mirrorRules(r, f)
	schemaRules(r, f)
	keyRules(r, f)
	explodeRules(r, f)
	registryRules(r, f)
	batchRules(r, f)
	rangeRules(r, f)
	onErrorRules(r, f)
	f.Webhook.rules(r)
}

// onErrorRules refuses dead letters where no commit has both a batch's effects and its positions.
func onErrorRules(r *keys.Reader, f *File) {
	if f.OnError.Writes() && f.Apart() {
		r.Find("bad-value", r.KeyAt("on_error"), "skip or park; or leave ledger out, so that the sink keeps its own positions",
			"on_error: a dead letter is part of its batch's commit, and with ledger: %s no commit has both", f.Ledger.Kind)
	}
}

func groupRules(r *keys.Reader, f *File) {
	if !r.Has("group") {
		return
	}
	if g := string(f.Group); g == "" || g != strings.TrimSpace(g) || len(g) > 249 || strings.ContainsFunc(g, func(c rune) bool { return c < ' ' }) {
		r.Find("bad-value", r.ValueAt("group"), "1 to 249 characters, none of them a control character",
			"group: %s is no name", keys.Shown(g))
	}
}

func brokerRules(r *keys.Reader, f *File) {
	if !r.Has("source.brokers") {
		return
	}
	if len(f.Source.Brokers) == 0 && !r.FoundAt("source.brokers") {
		r.Find("key-missing", r.ValueAt("source.brokers"), "[localhost:9092]", "brokers: the list is empty")
	}
	for i, b := range f.Source.Brokers {
		host, port, err := net.SplitHostPort(b)
		if n, bad := strconv.Atoi(port); err != nil || host == "" || bad != nil || n < 1 || n > 65535 {
			r.Find("bad-value", r.ItemAt("source.brokers", i), "HOST:PORT, as in localhost:9092", "brokers: %s is not HOST:PORT", keys.Shown(b))
		}
	}
}

func partitionRules(r *keys.Reader, f *File) {
	s := f.Source
	if len(s.Partitions) > 0 && s.Pattern != "" {
		r.Find("bad-value", r.KeyAt("source.partitions"), "name the topics instead of a pattern",
			"partitions: a pattern does not say which topics they belong to")
		return
	}
	known := func(path string, at keys.Place, topic string) {
		if s.Pattern == "" && r.Has("source.topics") && !slices.Contains(s.Topics, topic) {
			r.Find("bad-value", at, "add it to topics, or: "+cmp.Or(text.Nearest(topic, s.Topics), strings.Join(s.Topics, " ")),
				"%s: topic %s is not in topics", keys.Called(path), keys.Shown(topic))
		}
	}
	var last string
	for _, tp := range s.Partitions {
		if tp.Topic != last {
			known("source.partitions", r.ValueAt("source.partitions"), tp.Topic)
		}
		last = tp.Topic
	}
	if len(s.Partitions) > 0 {
		for _, t := range s.Topics {
			if !slices.ContainsFunc(s.Partitions, func(tp fencepost.TopicPartition) bool { return tp.Topic == t }) {
				r.Find("bad-value", r.ValueAt("source.partitions"), fmt.Sprintf("%q, or take it from topics", t+":0"),
					"partitions: none of topic %s", t)
			}
		}
		for _, path := range []string{"source.instance_id", "source.session_timeout", "source.group_protocol"} {
			if r.Has(path) {
				r.Find("bad-value", r.KeyAt(path), "leave it out", "%s: with partitions there is no Kafka group", keys.Called(path))
			}
		}
	}
	var topics []string
	for tp := range f.Policy.Start.Offsets {
		topics = append(topics, tp.Topic)
	}
	slices.Sort(topics)
	for _, topic := range slices.Compact(topics) {
		known("source.start", r.ValueAt("source.start"), topic)
	}
	if s.Consumer && r.Has("source.session_timeout") {
		r.Find("bad-value", r.KeyAt("source.session_timeout"), "leave it out: the broker's group.consumer.session.timeout.ms holds",
			"session_timeout: with group_protocol consumer the broker says it")
	}
}

func loginRules(r *keys.Reader, f *File) {
	f.Source.TLS.Rules(r, "source.tls")
	s := f.Source.SASL
	if s.Mechanism == "" {
		for _, path := range []string{"source.sasl.user", "source.sasl.password", "source.sasl.token"} {
			if !r.Named("source.sasl.mechanism") && r.Has(path) && r.IsWritten(path) {
				r.Missing("source.sasl", "mechanism: "+strings.Join(fileKeys.Of("source.sasl.mechanism").Words, ", or "), "source.sasl has no mechanism")
				return
			}
		}
		return
	}
	need := []string{"user", "password"}
	if s.Mechanism == "OAUTHBEARER" {
		need = []string{"token"}
	}
	for _, name := range need {
		path := "source.sasl." + name
		if !r.Named(path) || r.Has(path) && !r.IsWritten(path) {
			r.Missing("source.sasl.mechanism", name+": ${KAFKA_"+strings.ToUpper(name)+"}", "%s needs sasl.%s", s.Mechanism, name)
		}
	}
}

func sinkRules(r *keys.Reader, f *File) {
	if !r.Named("sink") {
		return
	}
	switch all := kinds.Sinks.Read(r); len(all) {
	case 0:
		if !r.FoundOf("sink") {
			r.Missing("sink", strings.Join(Sinks(), ":, ")+":", "sink names no database")
		}
	case 1:
		f.Sink.Is.Rules(r, f.around())
		defaultRules(r, f)
		deleteRules(r, f)
	default:
		ambiguous(r, "sink", "keep one; a second sink is a second pipeline, with its own group", paths(all))
	}
}

// defaultRules find columns that are left to a table where there is none, or where they make its key.
func defaultRules(r *keys.Reader, f *File) {
	table := r.Has(f.Sink.At + ".table")
	for _, c := range f.allColumns() {
		switch {
		case !c.Missing.Table:
		case !table:
			r.Find("bad-value", c.At, "missing: null, or a value", "%s.missing: default is the table's own, and %s names no table", c.Name, f.Sink.At)
		case slices.Contains(keys.Get[[]string](r, f.Sink.At+".key"), c.Name):
			r.Find("bad-value", c.At, "missing: error, or a value", "%s.missing: a key is the record's, and no default of the table's", c.Name)
		}
	}
}

// deleteRules find a key that a record without a value does not have: its delete would find no row.
func deleteRules(r *keys.Reader, f *File) {
	if f.Tombstone != "delete" || f.Decode != "json" || !r.Has(f.Sink.At+".table") {
		return
	}
	key := keys.Get[[]string](r, f.Sink.At+".key")
	named := false
	for i, k := range key {
		at := slices.IndexFunc(f.Schema, func(c Column) bool { return c.Name == k })
		switch {
		case f.Key.has(k):
			named = true
		case at < 0: // of the record itself, or it has a finding
		case !ofRecord(f.Schema[at].From):
			r.Find("bad-value", r.ItemAt(f.Sink.At+".key", i), fmt.Sprintf("%s: {type: %s, from: _key}", k, f.Schema[at].Type),
				"key: %s comes from the record's value, and with tombstone: delete some have none", keys.Shown(k))
			return
		default:
			named = named || f.Schema[at].From == fencepost.MetaKey || strings.HasPrefix(f.Schema[at].From, fencepost.MetaKey+".")
		}
	}
	if len(key) > 0 && !named {
		r.Find("bad-value", r.KeyAt(f.Sink.At+".key"), "COLUMN: {type: text, from: _key}", "key: with tombstone: delete a column of it has to be the record's key")
	}
}

// ofRecord reports whether a path begins with what is of the record itself, and not of its value.
func ofRecord(from string) bool {
	name, _, _ := strings.Cut(from, ".")
	return slices.ContainsFunc(fencepost.MetaColumns(), func(c fencepost.ColumnSpec) bool { return c.Name == name })
}

// ambiguous finds several technologies in a place that takes one.
func ambiguous(r *keys.Reader, place, help string, at []string) {
	r.InOrder(at)
	_, first := keys.Split(at[0])
	_, second := keys.Split(at[1])
	r.Find("sink-ambiguous", r.KeyAt(at[1]), help, "%s has both %s (line %d) and %s", place, first, r.KeyAt(at[0]).Line, second)
}

// paths are the keys of technologies.
func paths[T any](all []kinds.Named[T]) (at []string) {
	for _, one := range all {
		at = append(at, one.At)
	}
	return at
}

// rawColumn is the column of decode: raw where schema does not say otherwise.
var rawColumn = decode.RawColumn().Name

func schemaRules(r *keys.Reader, f *File) {
	there := r.Named("schema")
	switch {
	case csvRules(r, f):
		return
	case f.hasFields() && !there:
		r.Find("key-missing", keys.Place{Line: 1, Column: 1, Width: 1}, "schema: {COLUMN: text}; fencepost init samples a topic and writes it",
			"the file has no schema")
		return
	case f.Decode == "raw" && len(f.plain()) > 1:
		r.Find("bad-value", f.Schema[1].At, "keep one, of bytes, text or json; or decode: json",
			"decode raw makes one column, schema has %d", len(f.plain()))
		return
	case f.Decode == "raw" && r.Has("tombstone"):
		r.Find("bad-value", r.KeyAt("tombstone"), "drop it; or another decode", "decode raw has no tombstone: it gives a null for a record without a value")
		return
	case len(f.Schema) == 0 && f.Where.Text == "":
		return
	}
	for _, c := range f.allColumns() {
		if c.Scale != "" && c.Type != fencepost.Decimal {
			r.Find("bad-value", c.At, "drop scale, or make it a decimal", "%s.scale: only a decimal has a scale, this is %s", c.Name, c.Type)
		}
	}
	envelopeRules(r, f)
	if _, err := f.decoder(nil, nil, nil); err != nil {
		fieldErrors(r, f, err)
	}
}

// envelopeRules find keys that say what the envelope decides.
func envelopeRules(r *keys.Reader, f *File) {
	if !f.enveloped() {
		return
	}
	for _, path := range []string{"tombstone", "unknown_fields"} {
		if r.Has(path) {
			r.Find("bad-value", r.KeyAt(path), "leave it out", "%s: the envelope decides: behind a delete a record without a value makes no row, and its own fields are known", keys.Called(path))
		}
	}
	switch {
	case f.Decode == "avro" && f.Envelope == debeziumSchema:
		r.Find("bad-value", r.ValueAt("envelope"), debeziumPlain, "envelope: %s is JSON's; of Avro the registry has the schema", f.Envelope)
	case f.Decode != "json" && f.Decode != "avro":
		r.Find("bad-value", r.KeyAt("envelope"), "decode: json, or avro", "envelope %s is not for decode %s", f.Envelope, f.Decode)
	}
}

// registryRules find a decoder without the registry that it needs, and the other way round.
func registryRules(r *keys.Reader, f *File) {
	f.Registry.Rules(r)
	protobufRules(r, f)
	f.Avro.Rules(r, f.Decode == "avro")
	instead := map[string]string{"protobuf": "; or protobuf: {file: X.proto}", "avro": "; or avro: {schema: FILE.avsc}"}[f.Decode]
	noID := (f.Registry.Form == registry.SingleObject || f.Registry.Form == registry.Bare) && r.Has("registry.form")
	switch framed := f.isFramed(); {
	case f.Key.isFramed() && !r.Named("registry"):
		r.Missing("key", "registry: {url: http://localhost:8081}", "key.decode: %s needs registry", f.Key.Decode)
	case f.Key.isFramed() && noID:
		r.Find("bad-value", r.ValueAt("registry.form"), "confluent, apicurio or apicurio_4_bytes", "registry.form: %s has no id that a registry knows, and key.decode: %s asks it", f.Registry.Form, f.Key.Decode)
	case framed && !r.Named("registry"):
		r.Missing("decode", "registry: {url: http://localhost:8081}"+instead, "decode: %s needs registry", f.Decode)
	case f.Key.isFramed() && !framed: // the registry is the keys'
	case f.Decode == "protobuf" && !framed && r.Named("registry"):
		r.Find("bad-value", r.KeyAt("registry"), "leave out protobuf.file, where records name their schemas; or leave out registry, where they are bare messages",
			"protobuf.file and registry are both there: the schema is of one of them")
	case f.Decode == "avro" && !framed && r.Named("registry"):
		r.Find("bad-value", r.KeyAt("registry"), "keep one: the registry's schemas, or those of avro.schema", "there are both registry and avro.schema")
	case !framed && r.Named("registry") && r.Has("decode"):
		r.Find("bad-value", r.KeyAt("registry"), "decode: json_schema, avro or protobuf; or leave it out", "decode: %s asks no registry", f.Decode)
	case f.Decode == "avro" && noID:
		r.Find("bad-value", r.ValueAt("registry.form"), "avro: {schema: FILE.avsc, form: "+f.Registry.Form.String()+"} in the place of registry",
			"registry.form: %s has no id that a registry knows", f.Registry.Form)
	case f.Decode == "json_schema" && noID:
		r.Find("bad-value", r.ValueAt("registry.form"), "confluent, apicurio or apicurio_4_bytes; or decode: json, where no id is there",
			"registry.form: %s names no schema of JSON", f.Registry.Form)
	}
}

// protobufRules find keys of Protobuf beside another decoder, and a form that names no schema of it.
func protobufRules(r *keys.Reader, f *File) {
	switch {
	case f.Decode != "protobuf" && r.Named("protobuf") && r.Has("decode"):
		r.Find("bad-value", r.KeyAt("protobuf"), "decode: protobuf; or leave it out", "decode: %s reads no Protobuf", f.Decode)
	case f.Decode == "protobuf" && r.Has("registry.form") && f.Registry.Form == registry.SingleObject:
		r.Find("bad-value", r.ValueAt("registry.form"), "confluent, apicurio or apicurio_4_bytes", "registry.form: %s is Avro's", f.Registry.Form)
	case f.Decode == "protobuf" && r.Has("registry.form") && f.Registry.Form == registry.Bare:
		r.Find("bad-value", r.ValueAt("registry.form"), "protobuf: {file: X.proto} in the place of registry", "registry.form: bare names no schema")
	}
}

// fieldErrors puts what the decoder says of a schema beside its columns.
func fieldErrors(r *keys.Reader, f *File, err error) {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			fieldErrors(r, f, e)
		}
		return
	}
	if e, ok := errors.AsType[*shape.Error](err); ok {
		f.expressionError(r, e)
		return
	}
	var field *decode.FieldError
	if !errors.As(err, &field) {
		r.Find("bad-value", r.KeyAt("schema"), "", "schema: %v", err)
		return
	}
	if key := keys.Join("csv", field.Key); field.Column == "" && f.Decode == "csv" && fileKeys.Of(key) != nil {
		r.Find("bad-value", r.KeyAt(key), field.Help, "%s: %s", key, field.Reason)
		return
	}
	if field.Column == "" && (field.Key == "explode" || field.Key == "tombstone") {
		if f.Decode != "csv" && !f.enveloped() { // else explodeRules says it
			r.Find("bad-value", r.KeyAt(field.Key), field.Help, "%s: %s", field.Key, field.Reason)
		}
		return
	}
	at := r.KeyAt("schema")
	for _, c := range f.allColumns() {
		if c.Name == field.Column {
			at = c.At
		}
	}
	name := field.Column
	if field.Key != "" && field.Key != "name" {
		name = strings.TrimPrefix(name+"."+field.Key, ".")
	}
	r.Find("bad-value", at, field.Help, "%s: %s", name, field.Reason)
}

func batchRules(r *keys.Reader, f *File) {
	b := f.Batch
	switch {
	case r.Has("batch.min_rows") && b.MinRows > b.Records:
		r.Find("bad-range", r.ValueAt("batch.min_rows"), fmt.Sprintf("at most %d", b.Records),
			"batch.min_rows: %d is more than batch.records, %d", b.MinRows, b.Records)
	case b.MinRows > 1 && b.MaxWait == 0 && r.Has("batch.min_rows"):
		r.Find("bad-range", r.KeyAt("batch.min_rows"), "max_wait: 5s", "batch.min_rows without max_wait would hold nothing back")
	case r.Has("batch.max_wait") && b.MaxWait > 0 && b.MinRows <= 1:
		r.Find("bad-range", r.KeyAt("batch.max_wait"), "min_rows: 1000", "batch.max_wait without min_rows holds nothing back")
	}
}

// rangeRules are the bounds of single numbers.
func rangeRules(r *keys.Reader, f *File) {
	for _, d := range []struct {
		path   string
		is     time.Duration
		lo, hi time.Duration
	}{
		{"source.session_timeout", f.Source.SessionTimeout, time.Second, 30 * time.Minute},
		{"batch.wait", f.Batch.Wait, 0, time.Hour},
		{"batch.max_wait", f.Batch.MaxWait, 0, 24 * time.Hour},
		{"registry.timeout", f.Registry.Timeout, 100 * time.Millisecond, 5 * time.Minute},
		{"watch", f.Watch, 100 * time.Millisecond, time.Hour},
		{"drain", f.Drain, time.Second, time.Hour},
		{"commit_timeout", f.CommitTimeout, time.Second, 24 * time.Hour},
	} {
		if r.Has(d.path) && (d.is < d.lo || d.is > d.hi) {
			r.Find("bad-range", r.ValueAt(d.path), fmt.Sprintf("%s to %s", text.Exact(d.lo), text.Exact(d.hi)),
				"%s: %s is out of range", keys.Called(d.path), text.Exact(d.is))
		}
	}
	for _, n := range []struct {
		path       string
		is, lo, hi int64
		unit       string
		of         int64 // how many are one of the unit
	}{
		{"batch.records", int64(f.Batch.Records), 1, 10_000_000, "", 1},
		{"batch.bytes", f.Batch.Bytes, 1 << 10, engine.MaxBatchBytes, "KiB", 1 << 10},
		{"source.fetch_memory", f.Source.FetchMemory, 1 << 20, 1 << 36, "KiB", 1 << 10},
	} {
		if r.Has(n.path) && (n.is < n.lo || n.is > n.hi) {
			r.Find("bad-range", r.ValueAt(n.path), fmt.Sprintf("%d%s to %d%s", n.lo/n.of, n.unit, n.hi/n.of, n.unit), "%s: out of range", keys.Called(n.path))
		}
	}
}
