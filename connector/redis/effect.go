package redis

import (
	"errors"
	"fmt"

	"github.com/fencepost/fencepost"
)

// Op is a command that an effect makes of a row.
type Op uint8

// The operations. What commutes is summed in the client, per key and field, and sent once a batch. The others keep the
// last row of a field or member, in partition and then offset order. The zero Op is unset.
const (
	OpUnset Op = iota
	HIncrBy    // Key, Name: field, Value: integer to add. Summed
	HSet       // Key, Name: field, Value. The last row wins
	Set        // Key, Value. The last row wins
	SAdd       // Key, Value: member
	ZAdd       // Key, Name: member, Value: score. The last row wins
	ZIncrBy    // Key, Name: member, Value: what to add to its score. Summed, as floats are
	XAdd       // Key, Fields: an entry a row, in order
	Del        // Key: of any type. This and the next ones are for Config.Deletes
	HDel       // Key, Name: field
	SRem       // Key, Value: member
	ZRem       // Key, Name: member
)

var ops = [...]string{"unset", "HINCRBY", "HSET", "SET", "SADD", "ZADD", "ZINCRBY", "XADD", "DEL", "HDEL", "SREM", "ZREM"}

// String is the command's name.
func (o Op) String() string {
	if int(o) < len(ops) {
		return ops[o]
	}
	return fmt.Sprintf("op(%d)", uint8(o))
}

// kind is the type of key that an operation writes; empty: any.
func (o Op) kind() string {
	return [...]string{"", "hash", "hash", "string", "set", "zset", "zset", "stream", "", "hash", "set", "zset"}[o]
}

// named reports whether an operation takes a Name.
func (o Op) named() bool {
	return o == HIncrBy || o == HSet || o == ZAdd || o == ZIncrBy || o == HDel || o == ZRem
}

// valued reports whether an operation takes a Value.
func (o Op) valued() bool { return o != XAdd && !o.removes() || o == SRem }

// removes reports whether an operation takes away what others write.
func (o Op) removes() bool { return o >= Del }

// Effect is what becomes of each row: one command of Redis.
//
//	{Op: HIncrBy, Key: Text("delays:{group}"), Name: Column("origin"), Value: Column("delay")}
type Effect struct {
	Op    Op
	Key   Value   // {group} belongs in it on a cluster
	Name  Value   // the field or member
	Value Value   // what is set or added
	Pairs []Field // of XAdd: the entry's fields. A null is left out; an entry of nulls only is refused
	// Where says which rows it is made for. nil: all.
	Where func(b *fencepost.Batch, row int) bool
	// If, where set, says the same by a Value, which names its columns and may refuse a row: the effect is made for rows
	// of which it is 1. A null is no.
	If Value
}

// Field is a field of a stream's entry.
type Field struct {
	Name  string
	Value Value
}

// validate joins the effect's errors.
func (e Effect) validate() error {
	var errs []error
	if e.Op == OpUnset || int(e.Op) >= len(ops) {
		return fmt.Errorf("Op is %s", e.Op)
	}
	if e.Key.bind == nil {
		errs = append(errs, errors.New("Key is empty"))
	}
	if has := e.Name.bind != nil; has != e.Op.named() {
		errs = append(errs, fmt.Errorf("%s wants a Name: %t, has one: %t", e.Op, e.Op.named(), has))
	}
	if has := e.Value.bind != nil; has != e.Op.valued() {
		errs = append(errs, fmt.Errorf("%s wants a Value: %t, has one: %t", e.Op, e.Op.valued(), has))
	}
	if has := len(e.Pairs) > 0; has != (e.Op == XAdd) {
		errs = append(errs, fmt.Errorf("%s wants Pairs: %t, has them: %t", e.Op, e.Op == XAdd, has))
	}
	for _, p := range e.Pairs {
		if p.Name == "" || p.Value.bind == nil {
			errs = append(errs, fmt.Errorf("Pairs: %q has no name or no value", p.Name))
		}
	}
	return errors.Join(errs...)
}

// remover is the operation that takes away a field or member that this one writes; OpUnset: there is none.
func (o Op) remover() Op {
	return [...]Op{OpUnset, HDel, HDel, OpUnset, SRem, ZRem, ZRem, OpUnset, OpUnset, OpUnset, OpUnset, OpUnset}[o]
}

// columns are the columns that the effect reads.
func (e Effect) columns() (names []string) {
	for _, v := range []Value{e.Key, e.Name, e.Value, e.If} {
		names = append(names, v.columns...)
	}
	for _, p := range e.Pairs {
		names = append(names, p.Value.columns...)
	}
	return names
}
