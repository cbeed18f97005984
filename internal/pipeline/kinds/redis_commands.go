package kinds

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/connector/redis"
	"github.com/fencepost/fencepost/internal/expression"
	"github.com/fencepost/fencepost/internal/pipeline/keys"
	"github.com/fencepost/fencepost/internal/text"
)

// command is one entry of sink.redis.commands: a command of Redis, made of each record for which Where holds.
type command struct {
	words []word
	where *piece // nil: every record
	at    keys.Place
	of    string // the list that it is in: commands, or deletes
}

// String is the command about as the file writes it.
func (c command) String() string {
	var words []string
	for _, w := range c.words {
		words = append(words, w.shown())
	}
	text := strings.Join(words, " ")
	if c.where != nil {
		text += " where " + c.where.text
	}
	return text
}

// commandForm is a command that the sink knows. Its name is followed by the key, and then one group of words or many.
type commandForm struct {
	name, form string
	op         redis.Op
	first      int  // place of the first group's first word, the key's being 0
	group      int  // words of a group
	many       bool // more than one group
	named      int  // place of the field or member in a group, from 1; 0: there is none
	value      int  // place of the value in a group, from 1; 0: there is none
	removes    bool // for deletes alone
	want       expression.Want
}

// commandForms are in the order in which the documents name them.
var commandForms = []commandForm{
	{name: "HINCRBY", form: "HINCRBY KEY FIELD N", op: redis.HIncrBy, first: 1, group: 2, named: 1, value: 2, want: expression.Integer},
	{name: "HSET", form: "HSET KEY FIELD VALUE", op: redis.HSet, first: 1, group: 2, many: true, named: 1, value: 2},
	{name: "SET", form: "SET KEY VALUE", op: redis.Set, first: 1, group: 1, value: 1},
	{name: "SADD", form: "SADD KEY MEMBER", op: redis.SAdd, first: 1, group: 1, many: true, value: 1},
	{name: "ZADD", form: "ZADD KEY SCORE MEMBER", op: redis.ZAdd, first: 1, group: 2, many: true, named: 2, value: 1, want: expression.Number},
	{name: "ZINCRBY", form: "ZINCRBY KEY N MEMBER", op: redis.ZIncrBy, first: 1, group: 2, named: 2, value: 1, want: expression.Number},
	{name: "XADD", form: "XADD KEY * FIELD VALUE", op: redis.XAdd, first: 2, group: 2, many: true, named: 1, value: 2},
	{name: "DEL", form: "DEL KEY", op: redis.Del, first: 1, removes: true},
	{name: "HDEL", form: "HDEL KEY FIELD", op: redis.HDel, first: 1, group: 1, many: true, named: 1, removes: true},
	{name: "SREM", form: "SREM KEY MEMBER", op: redis.SRem, first: 1, group: 1, many: true, value: 1, removes: true},
	{name: "ZREM", form: "ZREM KEY MEMBER", op: redis.ZRem, first: 1, group: 1, many: true, named: 1, removes: true},
}

// formOf finds a command's form by its name, nil if there is none in that list.
func formOf(list, name string) *commandForm {
	i := slices.IndexFunc(commandForms, func(f commandForm) bool { return strings.EqualFold(f.name, name) })
	if i < 0 || commandForms[i].removes && list != deletesList {
		return nil
	}
	return &commandForms[i]
}

// deletesList is the list of commands that are made of records that delete.
const deletesList = "deletes"

func commandNames(list string) (names []string) {
	for _, f := range commandForms {
		if formOf(list, f.name) != nil {
			names = append(names, f.name)
		}
	}
	return names
}

// readCommands reads a list of commands: texts, or {command: ..., where: EXPR}. Expressions are compiled by commandRules,
// when the schema is known.
func readCommands(r *keys.Reader, n *keys.Node, path string) {
	if n.Shape == keys.Scalar {
		r.WrongShape(n, path, "a list: - "+commandForms[0].form)
		return
	}
	if n.Shape != keys.List {
		r.WrongShape(n, path, "a list: of commands")
		return
	}
	var all []command
	_, list := keys.Split(path)
	for _, item := range n.Items {
		c := command{at: item.At, of: list}
		command, ok := item, true
		if item.Shape == keys.Mapping {
			command, ok = readLongCommand(r, item, &c)
		}
		switch {
		case !ok:
			continue
		case command.Shape != keys.Scalar || strings.TrimSpace(command.Text) == "":
			r.WrongShape(command, path, "a command: "+commandForms[0].form)
			continue
		}
		if c.words, ok = readWords(r, command); !ok {
			c.words = nil
		}
		all = append(all, c)
	}
	if len(n.Items) == 0 && list != deletesList {
		r.Find("key-missing", n.At, "- "+commandForms[0].form, "commands: the list is empty")
	}
	r.Set(path, all)
}

// readLongCommand reads {command: ..., where: ...}.
func readLongCommand(r *keys.Reader, n *keys.Node, c *command) (command *keys.Node, ok bool) {
	ok = true
	for i := range n.Entries {
		e := &n.Entries[i]
		switch e.Key {
		case "command":
			command = e.Value
		case "where":
			if e.Value.Shape != keys.Scalar {
				r.WrongShape(e.Value, "sink.redis.commands", "a condition: delay > 0")
				ok = false
				continue
			}
			c.where = &piece{text: e.Value.Text, expression: true, at: e.Value.At}
			if first := r.Column1(e.Value); first > 0 {
				c.where.at, c.where.exact = keys.Place{Line: e.Value.At.Line, Column: first, Width: 1}, true
			}
		default:
			if strings.Contains(e.Key, " ") { // HSET a {"b: " + c}
				r.Find("bad-value", n.At, "put the command into quotes: '...'", "commands: a colon and a space make a mapping of it")
				return nil, false
			}
			r.Find("unknown-key", e.At, cmp.Or(text.Nearest(e.Key, []string{"command", "where"}), "keys here: command where"), "commands has no key %s", e.Key)
			ok = false
		}
	}
	if command == nil {
		if ok {
			r.Find("key-missing", n.At, "command: "+commandForms[0].form, "commands: an entry has no command")
		}
		return nil, false
	}
	return command, ok
}

// commandRules compiles the commands and checks each against its form.
func commandRules(r *keys.Reader, commands []command, columns []fencepost.ColumnSpec) {
	if columns == nil { // the schema has findings of its own
		return
	}
	for i := range commands {
		c := &commands[i]
		if len(c.words) > 0 { // else it has a finding
			commandRule(r, c, columns)
		}
		if c.where != nil {
			c.where.program = compile(r, c.where, columns, expression.Bool)
		}
	}
}

func commandRule(r *keys.Reader, c *command, columns []fencepost.ColumnSpec) {
	name, _ := c.words[0].plain()
	form := formOf(c.of, name)
	if form == nil {
		help := cmp.Or(text.Nearest(strings.ToUpper(name), commandNames(c.of)), strings.Join(commandNames(c.of), " "))
		if formOf(deletesList, name) != nil {
			help = "deletes: [" + formOf(deletesList, name).form + "], and tombstone: delete"
		}
		r.Find("bad-value", c.words[0].at, help, "%s: %s is not a command of this sink", c.of, keys.Shown(c.words[0].shown()))
		return
	}
	args := c.words[1:]
	least := form.first + form.group
	switch {
	case len(args) < least:
		r.Find("bad-value", c.words[len(c.words)-1].at, form.form, "%s: %s wants %d words, and has %d", c.of, form.name, least, len(args))
		return
	case !form.many && len(args) > least:
		r.Find("bad-value", args[least].at, form.form, "%s: %s takes %d words, and has %d", c.of, form.name, least, len(args))
		return
	case form.many && (len(args)-form.first)%form.group != 0:
		r.Find("bad-value", args[len(args)-1].at, form.form, "%s: the last word of %s stands alone", c.of, form.name)
		return
	}
	if form.op == redis.XAdd && args[1].shown() != "*" {
		r.Find("bad-value", args[1].at, form.form, "commands: the server gives the entries of a stream their ID: *")
		return
	}
	for i := range args {
		want := expression.Any
		if form.value > 0 && i >= form.first && (i-form.first)%form.group == form.value-1 {
			want = form.want
		}
		wordRule(r, &args[i], want, columns)
		name, plain := args[i].plain()
		if form.op == redis.XAdd && i >= form.first && (i-form.first)%form.group == form.named-1 && (!plain || name == "") {
			r.Find("bad-value", args[i].at, "write its name, without { }", "commands: the fields of a stream's entry have fixed names")
		}
	}
}

// wordRule compiles a word's expressions, and checks a number that the file writes out.
func wordRule(r *keys.Reader, w *word, want expression.Want, columns []fencepost.ColumnSpec) {
	whole := want
	if len(w.pieces) != 1 {
		whole = expression.Any // of a text with an expression in it only a row can show
	}
	for i := range w.pieces {
		p := &w.pieces[i]
		switch {
		case p.expression:
			p.program = compile(r, p, columns, whole)
		case p.tag && slices.ContainsFunc(columns, func(c fencepost.ColumnSpec) bool { return c.Name == "group" }):
			r.Find("bad-value", p.at, "name the column otherwise: team: {type: text, from: group}",
				"commands: {group} is the group's hash tag, and schema has a column group")
		}
	}
	text, plain := w.plain()
	if !plain || want == expression.Any {
		return
	}
	if _, err := strconv.ParseInt(text, 10, 64); err != nil && want == expression.Integer {
		r.Find("bad-value", w.at, columnHelp(text, columns, "a whole number, or {EXPR}"), "commands: %s is not a whole number", keys.Shown(text))
	} else if _, err := strconv.ParseFloat(text, 64); err != nil {
		r.Find("bad-value", w.at, columnHelp(text, columns, "a number, or {EXPR}"), "commands: %s is not a number", keys.Shown(text))
	}
}

// columnHelp is the remedy for a column's name without braces.
func columnHelp(text string, columns []fencepost.ColumnSpec, otherwise string) string {
	if slices.ContainsFunc(columns, func(c fencepost.ColumnSpec) bool { return c.Name == text }) {
		return "{" + text + "}"
	}
	return otherwise
}

// effects are the command as effects of the connector: one for each group of words, but one for a stream's entry.
func (c command) effects() (list []redis.Effect) {
	name, _ := c.words[0].plain()
	form, args := formOf(c.of, name), c.words[1:]
	e := redis.Effect{Op: form.op, Key: args[0].value()}
	if c.where != nil {
		e.If = c.where.condition()
	}
	for at := form.first; at < len(args); at += form.group {
		one := e
		if form.value > 0 {
			one.Value = args[at+form.value-1].value()
		}
		switch {
		case form.op == redis.XAdd:
			field, _ := args[at+form.named-1].plain()
			e.Pairs = append(e.Pairs, redis.Field{Name: field, Value: one.Value})
			continue
		case form.named > 0:
			one.Name = args[at+form.named-1].value()
		}
		list = append(list, one)
	}
	if len(list) == 0 { // an entry of a stream, or a whole key
		return []redis.Effect{e}
	}
	return list
}

// value is a word as a value of the connector.
func (w word) value() redis.Value {
	var values []redis.Value
	for _, p := range w.pieces {
		values = append(values, p.value())
	}
	switch len(values) {
	case 0:
		return redis.Text("")
	case 1:
		return values[0]
	}
	return redis.Join(values...)
}

// value is a piece as a value of the connector. A column or a constant runs no program.
func (p piece) value() redis.Value {
	if p.tag {
		return redis.Text("{group}")
	}
	if !p.expression {
		return redis.Text(p.text)
	}
	if column, ok := p.program.Column(); ok {
		return redis.Column(column)
	}
	if text, ok := p.program.Constant(); ok {
		return redis.Text(text)
	}
	null := fmt.Errorf("{%s} is %w", p.text, redis.ErrNull)
	return redis.Func(func(dst []byte, b *fencepost.Batch, row int) ([]byte, error) {
		dst, err := p.program.Append(dst, b, row)
		if errors.Is(err, expression.ErrNull) {
			err = null
		}
		return dst, err
	}, p.program.Columns()...)
}

// condition is a where as a condition of the connector.
func (p piece) condition() redis.Value {
	if column, ok := p.program.Column(); ok {
		return redis.Column(column)
	}
	return redis.Func(func(dst []byte, b *fencepost.Batch, row int) ([]byte, error) {
		holds, err := p.program.Is(b, row)
		if holds {
			dst = append(dst, '1')
		}
		return dst, err
	}, p.program.Columns()...)
}

// commandsOwn is the form of sink.redis.commands.
var commandsOwn = keys.Own{Read: readCommands, Schema: func() keys.Object { return commandsSchema("commands", 1) }, Draft: commandsDraft}

// deletesOwn is the form of sink.redis.deletes.
var deletesOwn = keys.Own{Read: readCommands, Schema: func() keys.Object { return commandsSchema(deletesList, 0) }}

// commandsSchema is that of a list of at least so many commands.
func commandsSchema(list string, least int) keys.Object {
	var forms []string
	for _, f := range commandForms {
		if formOf(list, f.name) != nil {
			forms = append(forms, f.form)
		}
	}
	command := keys.Object{"type": "string", "examples": forms}
	return keys.Object{"type": "array", "minItems": least, "items": keys.Object{"anyOf": []any{command,
		keys.Object{"type": "object", "additionalProperties": false, "required": []string{"command"}, "properties": keys.Object{
			"command": command,
			"where":   keys.Object{"type": "string", "description": "an expression: only for records for which it holds"},
		}}}}}
}

// commandsDraft is one that counts by the first column of text that is always there. A sum of a number, which may as well be an ID or a
// time, is behind "#", and so are all forms.
func commandsDraft(topic, _ string, columns []keys.DraftColumn) (lines []keys.Line) {
	at, sums := keys.TableName(topic), []string{}
	for _, c := range columns {
		switch {
		case c.Null || !columnWord.MatchString(c.Name):
		case c.Type == fencepost.Text && !strings.Contains(at, "{"):
			at += ":{" + c.Name + "}"
		case c.Type == fencepost.Int && len(sums) < 2:
			sums = append(sums, c.Name)
		}
	}
	lines = append(lines, keys.Line{Text: "- HINCRBY " + at + " records 1", Doc: "KEY FIELD N: counters in a hash"})
	for _, c := range sums {
		lines = append(lines, keys.Line{Text: "# - HINCRBY " + at + " " + c + " {" + c + "}", Doc: "a sum, where it is one"})
	}
	return append(lines,
		keys.Line{Text: "# - {command: " + keys.Plain("SADD "+at+":days {_timestamp.Format('2006-01-02')}") + ", where: _offset > 0}"},
		keys.Line{Text: "# HSET KEY FIELD VALUE   SET KEY VALUE   SADD KEY MEMBER   ZADD KEY SCORE MEMBER"},
		keys.Line{Text: "# ZINCRBY KEY N MEMBER   XADD KEY * FIELD VALUE     on a cluster put {group} into every key"})
}

// columnWord is a name that needs no quotes, neither in a command nor in an expression.
var columnWord = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
