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
	"github.com/fencepost/fencepost/engine"
	"github.com/fencepost/fencepost/internal/text"
)

// rules looks at what single keys can not show: what belongs together, what excludes each other, ranges.
func (r *reader) rules(f *File) {
	r.groupRules(f)
	r.brokerRules(f)
	r.partitionRules(f)
	r.loginRules(f)
	r.sinkRules(f)
	r.ledgerRules(f)
	r.mirrorRules(f)
	r.schemaRules(f)
	r.batchRules(f)
	r.rangeRules(f)
}

// has reports whether the file says something good of a key.
func (r *reader) has(path string) bool { _, ok := r.values[path]; return ok }

// missing adds a finding about a key that another key asks for, at that other key.
func (r *reader) missing(by, help, format string, args ...any) {
	r.find("key-missing", r.places[by], help, format, args...)
}

func (r *reader) groupRules(f *File) {
	if !r.has("group") {
		return
	}
	if g := string(f.Group); g == "" || g != strings.TrimSpace(g) || len(g) > 249 || strings.ContainsFunc(g, func(c rune) bool { return c < ' ' }) {
		r.find("bad-value", r.at["group"], "1 to 249 characters, none of them a control character",
			"group: %s is no name", shown(g))
	}
}

func (r *reader) brokerRules(f *File) {
	if !r.has("source.brokers") {
		return
	}
	at := r.at["source.brokers"]
	if len(f.Source.Brokers) == 0 && !slices.ContainsFunc(r.findings, func(f Finding) bool { return f.At.Line == at.Line }) {
		r.find("key-missing", at, "[localhost:9092]", "brokers: the list is empty")
	}
	for i, b := range f.Source.Brokers {
		host, port, err := net.SplitHostPort(b)
		if n, bad := strconv.Atoi(port); err != nil || host == "" || bad != nil || n < 1 || n > 65535 {
			r.find("bad-value", r.items["source.brokers"][i], "HOST:PORT, as in localhost:9092", "brokers: %s is not HOST:PORT", shown(b))
		}
	}
}

func (r *reader) partitionRules(f *File) {
	s := f.Source
	if len(s.Partitions) > 0 && s.Pattern != "" {
		r.find("bad-value", r.places["source.partitions"], "name the topics instead of a pattern",
			"partitions: a pattern does not say which topics they belong to")
		return
	}
	known := func(path string, at Place, topic string) {
		if s.Pattern == "" && r.has("source.topics") && !slices.Contains(s.Topics, topic) {
			r.find("bad-value", at, "add it to topics, or: "+cmp.Or(text.Nearest(topic, s.Topics), strings.Join(s.Topics, " ")),
				"%s: topic %s is not in topics", called(path), shown(topic))
		}
	}
	var last string
	for _, tp := range s.Partitions {
		if tp.Topic != last {
			known("source.partitions", r.at["source.partitions"], tp.Topic)
		}
		last = tp.Topic
	}
	if len(s.Partitions) > 0 {
		for _, t := range s.Topics {
			if !slices.ContainsFunc(s.Partitions, func(tp fencepost.TopicPartition) bool { return tp.Topic == t }) {
				r.find("bad-value", r.at["source.partitions"], fmt.Sprintf("%q, or take it from topics", t+":0"),
					"partitions: none of topic %s", t)
			}
		}
		for _, path := range []string{"source.instance_id", "source.session_timeout", "source.group_protocol"} {
			if r.has(path) {
				r.find("bad-value", r.places[path], "leave it out", "%s: with partitions there is no Kafka group", called(path))
			}
		}
	}
	var topics []string
	for tp := range f.Policy.Start.Offsets {
		topics = append(topics, tp.Topic)
	}
	slices.Sort(topics)
	for _, topic := range slices.Compact(topics) {
		known("source.start", r.at["source.start"], topic)
	}
	if s.Consumer && r.has("source.session_timeout") {
		r.find("bad-value", r.places["source.session_timeout"], "leave it out: the broker's group.consumer.session.timeout.ms holds",
			"session_timeout: with group_protocol consumer the broker says it")
	}
}

// tlsRules are about one part of the file for TLS. at is its path.
func (r *reader) tlsRules(at string, t TLS) {
	for _, name := range []string{"ca", "cert", "key", "server_name"} {
		path := join(at, name)
		if r.has(path) && get[string](r, path) != "" && !t.Enabled {
			r.find("bad-value", r.places[path], at+".enabled: true", "%s is set, and TLS is not enabled", called(path))
			break
		}
	}
	if (t.Cert == "") != (t.Key == "") {
		set, other := at+".cert", "key"
		if t.Key != "" {
			set, other = at+".key", "cert"
		}
		r.missing(set, other+": PATH", "%s is set, and tls.%s is not: mutual TLS needs both", called(set), other)
	}
}

func (r *reader) loginRules(f *File) {
	r.tlsRules("source.tls", f.Source.TLS)
	s := f.Source.SASL
	if s.Mechanism == "" {
		for _, path := range []string{"source.sasl.user", "source.sasl.password", "source.sasl.token"} {
			if _, said := r.places["source.sasl.mechanism"]; !said && r.has(path) && r.isWritten(path) {
				r.missing("source.sasl", "mechanism: "+strings.Join(keyOf("source.sasl.mechanism").words, ", or "), "source.sasl has no mechanism")
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
		if _, there := r.places[path]; !there || r.has(path) && !r.isWritten(path) {
			r.missing("source.sasl.mechanism", name+": ${KAFKA_"+strings.ToUpper(name)+"}", "%s needs sasl.%s", s.Mechanism, name)
		}
	}
}

// isWritten reports whether a text or secret is more than nothing.
func (r *reader) isWritten(path string) bool {
	switch v := r.values[path].(type) {
	case string:
		return v != ""
	case Secret:
		return !v.Empty()
	}
	return false
}

func (r *reader) sinkRules(f *File) {
	if _, there := r.places["sink"]; !there {
		return
	}
	var named []string
	for _, k := range under("sink") {
		if _, ok := r.places[k.path]; ok {
			named = append(named, k.name())
		}
	}
	slices.SortFunc(named, func(a, b string) int {
		pa, pb := r.places["sink."+a], r.places["sink."+b]
		return cmp.Or(cmp.Compare(pa.Line, pb.Line), cmp.Compare(pa.Column, pb.Column))
	})
	switch {
	case len(named) == 0:
		if !slices.ContainsFunc(r.findings, func(f Finding) bool { return strings.HasPrefix(f.Text, "sink") }) {
			r.missing("sink", strings.Join(Sinks(), ":, ")+":", "sink names no database")
		}
		return
	case len(named) > 1:
		first := r.places["sink."+named[0]]
		r.find("sink-ambiguous", r.places["sink."+named[1]], "keep one; a second sink is a second pipeline, with its own group",
			"sink has both %s (line %d) and %s", named[0], first.Line, named[1])
		return
	}
	if f.Sink.Redis != nil {
		r.redisRules(f)
		return
	}
	r.tableRules(f, "sink."+f.Sink.Kind)
	if f.Sink.Kind == "sqlite" && f.Sink.Path == ":memory:" {
		r.find("bad-value", r.at["sink.sqlite.path"], "a path: flights.db", "path: :memory: is gone when the program ends")
	}
}

// tableRules are about table, sql and key, which exclude or need each other. at is the sink's path.
func (r *reader) tableRules(f *File, at string) {
	table, sql := r.has(at+".table") && f.Sink.Table != "", r.has(at+".sql") && strings.TrimSpace(f.Sink.SQL) != ""
	_, tableThere := r.places[at+".table"]
	_, sqlThere := r.places[at+".sql"]
	switch {
	case table && sql:
		first, second := "table", "sql"
		if p, q := r.places[at+".table"], r.places[at+".sql"]; q.Line < p.Line || q.Line == p.Line && q.Column < p.Column {
			first, second = second, first
		}
		help := "keep one; sql may hold several statements, one of them for " + f.Sink.Table
		r.find("sink-ambiguous", r.places[at+"."+second], help, "%s has both %s (line %d) and %s",
			at, first, r.places[at+"."+first].Line, second)
	case !table && !sql && (!tableThere && !sqlThere || r.has(at+".table") || r.has(at+".sql")):
		r.missing(at, "table: TABLE", "%s has neither table nor sql", at)
	}
	if f.Sink.Kind != "sqlite" && r.has(at+".dsn") && f.Sink.DSN.Empty() {
		r.find("bad-value", r.places[at+".dsn"], "dsn: ${DATABASE_URL}", "dsn is empty")
	}
	if len(f.Sink.Key) > 0 && !table {
		r.find("bad-value", r.places[at+".key"], "leave it out; an upsert in sql says the same", "key is for table, and there is none")
		return
	}
	if len(f.Schema) == 0 {
		return
	}
	var names []string
	for _, c := range f.Schema {
		names = append(names, c.Name)
	}
	for i, k := range f.Sink.Key {
		if !f.hasColumn(k) {
			help := cmp.Or(text.Nearest(k, names), "columns: "+strings.Join(names, " "))
			r.find("unknown-column", r.items[at+".key"][i], help, "key: %s is not a column of schema", shown(k))
		}
	}
}

// rawColumn is the column of decode: raw where schema does not say otherwise.
var rawColumn = decode.RawColumn().Name

func (r *reader) schemaRules(f *File) {
	_, there := r.places["schema"]
	switch {
	case f.Decode == "json" && !there:
		r.find("key-missing", Place{Line: 1, Column: 1, Width: 1}, "schema: {COLUMN: text}; fencepost init samples a topic and writes it",
			"the file has no schema")
		return
	case f.Decode == "raw" && len(f.Schema) > 1:
		r.find("bad-value", f.Schema[1].At, "keep one, of bytes, text or json; or decode: json",
			"decode raw makes one column, schema has %d", len(f.Schema))
		return
	case len(f.Schema) == 0:
		return
	}
	if _, err := f.decoder(nil); err != nil {
		r.fieldErrors(f, err)
	}
}

// fieldErrors puts what the decoder says of a schema beside its columns.
func (r *reader) fieldErrors(f *File, err error) {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range many.Unwrap() {
			r.fieldErrors(f, e)
		}
		return
	}
	var field *decode.FieldError
	if !errors.As(err, &field) {
		r.find("bad-value", r.places["schema"], "", "schema: %v", err)
		return
	}
	at := r.places["schema"]
	for _, c := range f.Schema {
		if c.Name == field.Column {
			at = c.At
		}
	}
	name := field.Column
	if field.Key != "" && field.Key != "name" {
		name = strings.TrimPrefix(name+"."+field.Key, ".")
	}
	r.find("bad-value", at, field.Help, "%s: %s", name, field.Reason)
}

func (r *reader) batchRules(f *File) {
	b := f.Batch
	switch {
	case r.has("batch.min_rows") && b.MinRows > b.Records:
		r.find("bad-range", r.at["batch.min_rows"], fmt.Sprintf("at most %d", b.Records),
			"batch.min_rows: %d is more than batch.records, %d", b.MinRows, b.Records)
	case b.MinRows > 1 && b.MaxWait == 0 && r.has("batch.min_rows"):
		r.find("bad-range", r.places["batch.min_rows"], "max_wait: 5s", "batch.min_rows without max_wait would hold nothing back")
	case r.has("batch.max_wait") && b.MaxWait > 0 && b.MinRows <= 1:
		r.find("bad-range", r.places["batch.max_wait"], "min_rows: 1000", "batch.max_wait without min_rows holds nothing back")
	}
}

// rangeRules are the bounds of single numbers.
func (r *reader) rangeRules(f *File) {
	for _, d := range []struct {
		path   string
		is     time.Duration
		lo, hi time.Duration
	}{
		{"source.session_timeout", f.Source.SessionTimeout, time.Second, 30 * time.Minute},
		{"batch.wait", f.Batch.Wait, 0, time.Hour},
		{"batch.max_wait", f.Batch.MaxWait, 0, 24 * time.Hour},
		{"watch", f.Watch, 100 * time.Millisecond, time.Hour},
		{"drain", f.Drain, time.Second, time.Hour},
	} {
		if r.has(d.path) && (d.is < d.lo || d.is > d.hi) {
			r.find("bad-range", r.at[d.path], fmt.Sprintf("%s to %s", brief(d.lo), brief(d.hi)),
				"%s: %s is out of range", called(d.path), brief(d.is))
		}
	}
	for at, is := range f.timeouts() {
		if path := at + ".timeout"; r.has(path) && (is < 10*time.Millisecond || is > 10*time.Minute) {
			r.find("bad-range", r.at[path], "10ms to 10m", "%s: %s is out of range", path, brief(is))
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
		{"sink.redis.max_commands", int64(f.Sink.redis().MaxCommands), 1, 1_000_000, "", 1},
	} {
		if r.has(n.path) && (n.is < n.lo || n.is > n.hi) {
			r.find("bad-range", r.at[n.path], fmt.Sprintf("%d%s to %d%s", n.lo/n.of, n.unit, n.hi/n.of, n.unit), "%s: out of range", called(n.path))
		}
	}
}

// brief is a duration as the file writes it: 30m and not 30m0s.
func brief(d time.Duration) string {
	s := d.String()
	s = strings.TrimSuffix(s, "m0s") + map[bool]string{true: "m"}[strings.HasSuffix(s, "m0s")]
	return strings.TrimSuffix(s, "h0m") + map[bool]string{true: "h"}[strings.HasSuffix(s, "h0m")]
}
