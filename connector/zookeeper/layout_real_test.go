//go:build realservers

package zookeeper

import (
	"path"
	"strings"
	"testing"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
	"github.com/go-zookeeper/zk"
)

// plant makes nodes, and those above them.
func plant(t *testing.T, c *zk.Conn, nodes map[string]string) {
	t.Helper()
	var mkdir func(string)
	mkdir = func(p string) {
		if p == "/" {
			return
		}
		mkdir(path.Dir(p))
		if _, err := c.Create(p, nil, 0, zk.WorldACL(zk.PermAll)); err != nil && err != zk.ErrNodeExists {
			t.Fatal(err)
		}
	}
	for p, data := range nodes {
		mkdir(p)
		if _, err := c.Set(p, []byte(data), -1); err != nil {
			t.Fatal(err)
		}
	}
}

// layout opens a layout below the store's root.
func (s *store) layout(t *testing.T, at LayoutConfig) foreign.Layout {
	t.Helper()
	at.Path = s.cfg.Root + at.Path
	l, err := OpenLayout(s.cfg, at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, l.Close()) })
	return l
}

// Every row of the table of layouts, as its program writes it.
func TestLayouts(t *testing.T) {
	for _, c := range []struct {
		at    LayoutConfig
		nodes map[string]string
		want  string
		note  string
	}{
		{LayoutConfig{Form: FormConsumers, Path: "/consumers", Group: "spark:1"}, map[string]string{
			"/consumers/spark:1/offsets/my-t_1.0/0": "31007", "/consumers/spark:1/offsets/my-t_1.0/10": " 1099511627776\n", "/consumers/spark:1/offsets/my-t_1.0/2": "0",
			"/consumers/spark:1/owners/x": "", "/consumers/other/offsets/f/0": "x"}, "my-t_1.0:0 -1..31007; my-t_1.0:2 -1..0; my-t_1.0:10 -1..1099511627776", ""},
		{LayoutConfig{Form: FormTopicPartition, Path: "/jobs/offsets"}, map[string]string{"/jobs/offsets/a/0": "1", "/jobs/offsets/b/1": "2"}, "a:0 -1..1; b:1 -1..2", ""},
		{LayoutConfig{Form: FormSingleZnode, Path: "/jobs/flights", Topic: "flights"}, map[string]string{"/jobs/flights": "1:456, 0:123"}, "flights:0 -1..123; flights:1 -1..456", ""},
		{LayoutConfig{Form: FormSingleZnodeTopic, Path: "/jobs/all"}, map[string]string{"/jobs/all": "my-t_1.0:0:123,f:1:456"}, "f:1 -1..456; my-t_1.0:0 -1..123", ""},
		{LayoutConfig{Form: FormStorm, Path: "/storm/id"}, map[string]string{
			"/storm/id/partition_0":   `{"offset":5,"partition":0,"topic":"f","broker":{"host":"b","port":9092},"topology":{"id":"i","name":"n"}}`,
			"/storm/id/g/partition_1": `{"offset":6,"partition":1,"topic":"g"}`}, "f:0 -1..5; g:1 -1..6", ""},
		{LayoutConfig{Form: FormTrident, Path: "/transactional/tx", Topic: "f"}, map[string]string{
			"/transactional/tx/coordinator/x": "x", "/transactional/tx/user/partition_0/9": `{"offset":1,"nextOffset":2}`,
			"/transactional/tx/user/partition_0/10": `{"offset":100,"nextOffset":160}`, "/transactional/tx/user/g@1/3": `{"firstOffset":7,"lastOffset":9}`,
			"/transactional/tx/user/h/2/4": `{"offset":11}`}, "f:0 100..160; g:1 7..9; h:2 -1..11", "lastOffset"},
		{LayoutConfig{Form: FormConsumers, Path: "/nobody", Group: "g"}, nil, "", ""},
		{LayoutConfig{Form: FormTopicPartition, Path: "/nobody"}, nil, "", ""},
		{LayoutConfig{Form: FormSingleZnode, Path: "/nobody", Topic: "f"}, nil, "", ""},
		{LayoutConfig{Form: FormStorm, Path: "/nobody"}, nil, "", ""},
		{LayoutConfig{Form: FormTrident, Path: "/nobody"}, nil, "", ""},
		{LayoutConfig{Form: FormTopicPartition, Path: "/jobs/bad"}, map[string]string{"/jobs/bad/a/0": "1", "/jobs/bad/a/1": "-2"}, "layout-damaged: node ROOT/jobs/bad/a/1: offset -2 is negative", ""},
		{LayoutConfig{Form: FormStorm, Path: "/storm/twice"}, map[string]string{"/storm/twice/partition_0": `{"offset":5,"topic":"f"}`, "/storm/twice/f/partition_0": `{"offset":6}`},
			"layout-damaged: node ROOT/storm/twice/...", ""},
		{LayoutConfig{Form: FormTrident, Path: "/transactional/bad"}, map[string]string{"/transactional/bad/user/a/b/c": "x"},
			"layout-damaged: node ROOT/transactional/bad/user/a/b/c: its name is no number of a batch", ""},
	} {
		s := newStore(t)
		nodes := map[string]string{}
		for p, data := range c.nodes {
			nodes[s.cfg.Root+p] = data
		}
		plant(t, s.beside(t), nodes)
		f, err := s.layout(t, c.at).Foreign(t.Context())
		wants(t, c.at.Form.String()+" "+c.at.Path, strings.ReplaceAll(said(f.Entries, err), s.cfg.Root, "ROOT"), c.want)
		if got := strings.Join(f.Notes, " "); !strings.Contains(got, c.note) || c.note == "" && got != "" {
			t.Errorf("%s: notes %q, want %q", c.at.Form, got, c.note)
		}
		for _, e := range f.Entries {
			if _, ok := nodes[e.Where]; !ok {
				t.Errorf("%s: entry %s says it is from %s", c.at.Form, e.TopicPartition, e.Where)
			}
		}
	}
}

// Put makes what is missing, changes what is named, and nothing else.
func TestConsumersAreLive(t *testing.T) {
	s := newStore(t)
	c := s.beside(t)
	root := s.cfg.Root + "/consumers/g/offsets"
	plant(t, c, map[string]string{root + "/old/0": "7", root + "/flights/1": "1"})
	l, ok := s.layout(t, LayoutConfig{Form: FormConsumers, Path: "/consumers", Group: "g"}).(foreign.LiveLayout)
	if !ok {
		t.Fatal("pattern B's layout is no LiveLayout")
	}
	put := func(ranges map[fencepost.TopicPartition]fencepost.OffsetRange, want string) {
		t.Helper()
		if err := l.Put(t.Context(), ranges); err != nil {
			t.Fatal(err)
		}
		f, err := l.Foreign(t.Context())
		wants(t, "after a put", said(f.Entries, err), want)
	}
	put(nil, "flights:1 -1..1; old:0 -1..7")
	put(map[fencepost.TopicPartition]fencepost.OffsetRange{at(0): {From: 30_000, Until: 31_007}, at(1): {From: 1, Until: 1 << 40}, {Topic: "my-t_1.0", Partition: 3}: {Until: 5}},
		"flights:0 -1..31007; flights:1 -1..1099511627776; my-t_1.0:3 -1..5; old:0 -1..7")
	put(map[fencepost.TopicPartition]fencepost.OffsetRange{at(0): {From: 31_007, Until: 31_010}}, "flights:0 -1..31010; flights:1 -1..1099511627776; my-t_1.0:3 -1..5; old:0 -1..7")
	if data, _, err := c.Get(root + "/flights/0"); string(data) != "31010" || err != nil {
		t.Errorf("the node holds %q, %v, want the decimal number alone", data, err)
	}
	if err := l.Put(t.Context(), map[fencepost.TopicPartition]fencepost.OffsetRange{{Topic: "a/b"}: {}}); err == nil {
		t.Error("put of a topic with a slash: no error")
	}
	for _, form := range []Form{FormTopicPartition, FormStorm, FormTrident} {
		if _, live := s.layout(t, LayoutConfig{Form: form, Path: "/x"}).(foreign.LiveLayout); live {
			t.Errorf("%s is live: nobody said that its readers want ours", form)
		}
	}
}

func TestLayoutConfigFaults(t *testing.T) {
	for want, at := range map[string]LayoutConfig{
		"Form is 0":             {Path: "/x"},
		"Topic is empty":        {Form: FormSingleZnode, Path: "/x"},
		"Group \"\" is no name": {Form: FormConsumers},
		"has no groups":         {Form: FormStorm, Path: "/x", Group: "g"},
		"does not begin with /": {Form: FormStorm, Path: "x"},
	} {
		if _, err := OpenLayout(Config{Servers: []string{"z"}}, at); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
