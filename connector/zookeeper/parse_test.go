package zookeeper

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
)

// said is an entry in one line: what it is of, and from where to where.
func said(entries []foreign.Entry, err error) string {
	if f, ok := errors.AsType[*fencepost.UserError](err); ok {
		return f.Code + ": " + f.Error()
	}
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&b, "%s %d..%d; ", e.TopicPartition, e.From, e.Until)
	}
	return strings.TrimSuffix(b.String(), "; ")
}

func one(e foreign.Entry, err error) ([]foreign.Entry, error) { return []foreign.Entry{e}, err }

// wants fails unless what was said is this, or for a word that ends in an ellipsis, begins so.
func wants(t *testing.T, input, got, want string) {
	t.Helper()
	if prefix, ok := strings.CutSuffix(want, "..."); got != want && !(ok && strings.HasPrefix(got, prefix)) {
		t.Errorf("%s:\n got %s\nwant %s", input, got, want)
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ path, data, want string }{
		{"/c/g/offsets/flights/3", "31007", "flights:3 -1..31007"},
		{"/c/g/offsets/flights/3", " 31007\n", "flights:3 -1..31007"},
		{"/c/g/offsets/my-topic_v2.1/0", "0", "my-topic_v2.1:0 -1..0"},
		{"/c/g:1/offsets/f/0", "1099511627776", "f:0 -1..1099511627776"}, // 2^40
		{"/r/f/0", "9223372036854775807", "f:0 -1..9223372036854775807"},
		{"/r/f/0", "9223372036854775808", `layout-damaged: node /r/f/0: offset "9223372036854775808" is no integer of 64 bits`},
		{"/r/f/0", "-1", "layout-damaged: node /r/f/0: offset -1 is negative"},
		{"/r/f/0", "-0", `layout-damaged: node /r/f/0: offset "-0" is no integer of 64 bits`},
		{"/r/f/0", "+5", `layout-damaged: node /r/f/0: offset "+5" is no integer of 64 bits`},
		{"/r/f/0", "12.0", `layout-damaged: node /r/f/0: offset "12.0" is no integer of 64 bits`},
		{"/r/f/0", "", `layout-damaged: node /r/f/0: offset "" is no integer of 64 bits`},
		{"/r/f/lag", "5", `layout-damaged: node /r/f/lag: partition "lag" is no integer of 32 bits`},
		{"/r/f/2147483648", "5", `layout-damaged: node /r/f/2147483648: partition "2147483648" is no integer of 32 bits`},
	} {
		wants(t, c.path+" "+c.data, said(one(parseNumber(c.path, c.data))), c.want)
	}
}

func TestLists(t *testing.T) {
	for _, c := range []struct{ topic, data, want string }{
		{"f", "0:123,1:456", "f:0 -1..123; f:1 -1..456"},
		{"f", " 0 : 123 ,\n1:456 ", "f:0 -1..123; f:1 -1..456"},
		{"f", "", ""},
		{"", "my-a_b.c:0:123,other:1:1099511627776", "my-a_b.c:0 -1..123; other:1 -1..1099511627776"},
		{"f", "0:123,", `layout-damaged: node /n: "" is not partition:offset`},
		{"f", "f:0:123", `layout-damaged: node /n: "f:0:123" is not partition:offset`},
		{"", "0:123", `layout-damaged: node /n: "0:123" is not topic:partition:offset`},
		{"", " :0:123", `layout-damaged: node /n: ":0:123" is not topic:partition:offset`},
		{"f", "0:-123", "layout-damaged: node /n: offset -123 is negative"},
		{"f", "-1:123", "layout-damaged: node /n: partition -1 is negative"},
		{"f", "0:1e3", `layout-damaged: node /n: offset "1e3" is no integer of 64 bits`},
		{"f", "0:99999999999999999999", `layout-damaged: node /n: offset "99999999999999999999" is no integer of 64 bits`},
	} {
		wants(t, c.data, said(parseList("/n", c.data, c.topic)), c.want)
	}
	twice, err := parseList("/n", "0:1,1:2,0:3", "f")
	if err != nil {
		t.Fatal(err)
	}
	wants(t, "a partition twice", said(nil, inTurn(twice)), "layout-damaged: node /n: partition f:0 is there twice: 0:3, and 0:1 in node /n")
}

func TestStorm(t *testing.T) {
	const path = "/kafkastorm/id/partition_3"
	for _, c := range []struct{ path, data, topic, fallback, want string }{
		{path, `{"topology":{"id":"i","name":"n"},"offset":4285,"partition":3,"broker":{"host":"b","port":9092},"topic":"my-t_1.0"}`, "", "", "my-t_1.0:3 -1..4285"},
		{"/r/id/f/partition_3", `{"offset":1099511627776,"partition":3,"topic":"f"}`, "f", "", "f:3 -1..1099511627776"},
		{path, ` {"offset": 5} `, "", "f", "f:3 -1..5"},
		{path, `{"offset":5,"topic":"g"}`, "", "f", "g:3 -1..5"},
		{path, `{"offset":5}`, "", "", "layout-damaged: node " + path + ": nothing says its topic and partition: name the topic"},
		{path, `{"offset":5,"topic":"g"}`, "f", "", "layout-damaged: node " + path + ": it says topic g, and should be of f"},
		{path, `{"offset":5,"partition":4,"topic":"f"}`, "", "", "layout-damaged: node " + path + ": it says partition 4, and should be of 3"},
		{path, `{"offset":-5,"topic":"f"}`, "", "", "layout-damaged: node " + path + ": offset -5 is negative"},
		{path, `{"offset":5.0,"topic":"f"}`, "", "", `layout-damaged: node ` + path + `: offset "5.0" is no integer of 64 bits`},
		{path, `{"offset":"5","topic":"f"}`, "", "", "layout-damaged: node " + path + ": offset \"\\\"5\\\"\" is no integer of 64 bits"},
		{path, `{"topic":"f"}`, "", "", `layout-damaged: node ` + path + `: offset "" is no integer of 64 bits`},
		{path, `4285`, "f", "", "layout-damaged: node " + path + ": it is no JSON of Storm's..."},
		{"/r/id/p3", `{"offset":5,"topic":"f"}`, "", "", "layout-damaged: node /r/id/p3: its name is not partition_N"},
	} {
		wants(t, c.data, said(one(parseStorm(c.path, []byte(c.data), c.topic, c.fallback))), c.want)
	}
}

func TestTrident(t *testing.T) {
	const path = "/transactional/tx/user/partition_3/7"
	for _, c := range []struct{ id, data, topic, want string }{
		{"partition_3", `{"offset":100,"nextOffset":160,"partition":3,"topic":"f","broker":{"host":"b"}}`, "", "f:3 100..160"},
		{"partition_3", `{"offset":100,"nextOffset":100}`, "f", "f:3 100..100"},
		{"my-f@3", `{"firstOffset":100,"lastOffset":159}`, "", "my-f:3 100..159"},
		{"my-f@3", `{"firstOffset":160,"lastOffset":159}`, "", "my-f:3 -1..159"}, // an empty batch
		{"f/3", `{"offset":1099511627776}`, "", "f:3 -1..1099511627776"},
		{"broker:9092:3", `{"offset":100,"nextOffset":160}`, "f", "f:3 100..160"},
		{"broker:9092:3", `{"offset":100,"nextOffset":160}`, "", "layout-damaged: node " + path + ": nothing says its topic and partition: name the topic"},
		{"partition_3", `{"offset":160,"nextOffset":100,"topic":"f"}`, "", "layout-damaged: node " + path + ": it goes from 160 back to 100"},
		{"partition_3", `{"firstOffset":0,"lastOffset":-1,"topic":"f"}`, "", "layout-damaged: node " + path + ": offset -1 is negative"},
		{"partition_3", `{"offset":1,"nextOffset":9223372036854775808,"topic":"f"}`, "", "layout-damaged: node " + path + ": offset \"9223372036854775808\" is..."},
		{"partition_3", `{"partition":4,"offset":1,"topic":"f"}`, "", "layout-damaged: node " + path + ": it says partition 4, and should be of 3"},
		{"partition_3", `{"topic":"f"}`, "", `layout-damaged: node ` + path + `: offset "" is no integer of 64 bits`},
	} {
		e, last, err := parseTrident(c.id, path, []byte(c.data), c.topic)
		wants(t, c.id+" "+c.data, said(one(e, err)), c.want)
		if want := strings.Contains(c.data, "lastOffset"); last != want {
			t.Errorf("%s: inclusive is %t", c.data, last)
		}
	}
}

func TestPartitionID(t *testing.T) {
	for id, want := range map[string]string{"partition_3": " 3", "flightspartition_3": "flights 3", "my-f.x_partition_12": "my-f.x_ 12", "flights@3": "flights 3",
		"flights:3": "flights 3", "flights/3": "flights 3", "host:9092:3": " 3", "3": " 3", "flights": " -1", "": " -1", "flights3": " 3", "f@99999999999": " -1"} {
		topic, partition := partitionID(id)
		if got := fmt.Sprint(topic, " ", partition); got != want {
			t.Errorf("%q: got %q, want %q", id, got, want)
		}
	}
}

// Which meaning goes on at 160, where a batch of [100, 160) was applied.
func TestTridentMeanings(t *testing.T) {
	for data, meaning := range map[string]foreign.Meaning{`{"offset":100,"nextOffset":160,"topic":"f"}`: foreign.MeaningNext,
		`{"firstOffset":100,"lastOffset":159,"topic":"f"}`: foreign.MeaningLastProcessed} {
		e, _, err := parseTrident("partition_0", "/p", []byte(data), "")
		if err != nil {
			t.Fatal(err)
		}
		next, err := e.Resume(meaning)
		again, bad := e.Resume(foreign.MeaningBatchStart)
		if next != 160 || again != 100 || err != nil || bad != nil {
			t.Errorf("%s: %s goes on at %d (%v), batch-start at %d (%v), want 160 and 100", data, meaning, next, err, again, bad)
		}
	}
}
