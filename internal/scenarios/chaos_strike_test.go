//go:build realservers

package scenarios

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/fencepost/fencepost/internal/chaos"
	"github.com/fencepost/fencepost/internal/servers"
	"github.com/fencepost/fencepost/internal/wire"
)

// strike does a step of the schedule, and says so.
func (r *ring) strike(s chaos.Step) {
	r.t.Helper()
	word := "begin"
	if s.Undo {
		word = "undo "
	}
	r.say("%s  %s", word, s.Fault)
	if !s.Undo {
		r.struck = append(r.struck, s.Fault)
	}
	switch s.Kind {
	case chaos.Kill, chaos.Stop, chaos.Scale, chaos.Roll:
		r.strikeWorkers(s)
	case chaos.CutWire, chaos.DelayWire, chaos.DripWire, chaos.HangWire, chaos.MuteWire, chaos.RefuseWire:
		strikeWire(r.wires[s.Target], s)
	case chaos.CutOff:
		r.cutOff(s)
	case chaos.CutBroker, chaos.HangBroker, chaos.DelayBroker:
		strikeWire(r.fronts[s.Target], s)
	case chaos.KillBroker, chaos.StopBroker, chaos.FreezeBroker:
		strikeServer(r.brokers[s.Target].Own, s)
	case chaos.KillBrokers:
		r.strikeBrokers(s)
	case chaos.MoveLeaders:
		r.moveLeaders()
	case chaos.Rewind, chaos.Skip:
		r.order(s)
	case chaos.AddPartitions:
		r.addPartitions(s.Amount)
	default:
		r.kit.strike(s)
	}
}

// strikeWorkers kills, stops, counts or replaces worker processes.
func (r *ring) strikeWorkers(s chaos.Step) {
	r.t.Helper()
	i := s.Target
	switch {
	case s.Kind == chaos.Kill && !s.Undo:
		r.down[i] = true
		if r.crew[i].lives() {
			r.killed++
		}
		r.crew[i].kill()
	case s.Kind == chaos.Kill:
		delete(r.down, i)
		r.start(i)
	case s.Kind == chaos.Stop && !s.Undo:
		r.down[i] = true
		r.crew[i].signal(syscall.SIGSTOP)
	case s.Kind == chaos.Stop:
		delete(r.down, i)
		r.crew[i].resume()
	case s.Kind == chaos.Scale && !s.Undo:
		r.scale(s.Amount)
	case s.Kind == chaos.Scale:
		r.scale(usual)
	case s.Kind == chaos.Roll:
		for i := range r.goal {
			r.ask(i, r.crew[i])
			r.start(i)
		}
	}
}

// strikeWire gives a wire a fault, or mends it.
func strikeWire(w *wire.Wire, s chaos.Step) {
	amount := time.Duration(s.Amount) * time.Millisecond
	switch {
	case s.Undo:
		w.Mend()
	case s.Kind == chaos.CutWire, s.Kind == chaos.CutBroker:
		w.Set(wire.Fault{Cut: wire.Cut{Way: wire.Answers, After: s.Amount}})
	case s.Kind == chaos.DelayWire, s.Kind == chaos.DelayBroker:
		w.Set(wire.Fault{Delay: amount})
	case s.Kind == chaos.DripWire:
		w.Set(wire.Fault{Drip: wire.Drip{Way: wire.Both, Bytes: s.Amount, Every: 5 * time.Millisecond}})
	case s.Kind == chaos.HangWire, s.Kind == chaos.HangBroker:
		w.Set(wire.Fault{Hang: wire.Both})
	case s.Kind == chaos.MuteWire:
		w.Set(wire.Fault{Mute: wire.Answers})
	case s.Kind == chaos.RefuseWire:
		w.Set(wire.Fault{Refuse: true})
	}
}

// cutOff has nothing pass between a worker and the rest of the world.
func (r *ring) cutOff(s chaos.Step) {
	fault := wire.Fault{}
	if !s.Undo {
		fault = wire.Fault{Hang: wire.Both}
	}
	if len(r.wires) > 0 {
		r.wires[s.Target].Set(fault)
	}
	if !s.Undo {
		fault.Only = func(client net.Addr) bool { return owns(int(r.pids[s.Target].Load()), client) }
	}
	for _, w := range r.fronts {
		w.Set(fault)
	}
}

// owns reports whether a process has the socket of an address, which is connected.
func owns(pid int, client net.Addr) bool {
	port := client.(*net.TCPAddr).AddrPort()
	ip := port.Addr().Unmap().As4()
	local := fmt.Sprintf(" %08X:%04X ", binary.LittleEndian.Uint32(ip[:]), port.Port())
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", pid))
	if err != nil {
		return false
	}
	inode := ""
	for line := range strings.Lines(string(table)) {
		if _, rest, is := strings.Cut(line, ":"); is && strings.HasPrefix(rest, local) {
			inode = strings.Fields(line)[9]
		}
	}
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	return inode != "" && slices.ContainsFunc(files, func(f string) bool {
		to, err := os.Readlink(f)
		return err == nil && to == "socket:["+inode+"]"
	})
}

// strikeServer ends or freezes a server, or begins its next life.
func strikeServer(o *servers.Own, s chaos.Step) {
	freeze := s.Kind == chaos.FreezeBroker || s.Kind == chaos.FreezeStore
	switch {
	case freeze && s.Undo:
		o.Thaw()
	case freeze:
		o.Freeze()
	case s.Undo:
		o.Start()
	case s.Kind == chaos.StopBroker || s.Kind == chaos.StopStore:
		o.Stop()
	default:
		o.Kill()
	}
}

// strikeBrokers kills all brokers, or starts them: a majority has to live before one of them answers.
func (r *ring) strikeBrokers(s chaos.Step) {
	r.t.Helper()
	if s.Undo {
		servers.StartTogether(r.t, r.brokers)
		return
	}
	for _, b := range r.brokers {
		b.Kill()
	}
}

// moveLeaders puts another replica in front of each partition's list, and has the brokers elect it.
func (r *ring) moveLeaders() {
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
	defer cancel()
	topics, err := r.adm.ListTopics(ctx, r.topic)
	if err != nil {
		r.say("the leaders stay: %v", err)
		return
	}
	var req kadm.AlterPartitionAssignmentsReq
	for _, p := range topics[r.topic].Partitions {
		req.Assign(r.topic, p.Partition, append(p.Replicas[1:len(p.Replicas):len(p.Replicas)], p.Replicas[0]))
	}
	assigned, err := r.adm.AlterPartitionAssignments(ctx, req)
	if err := errors.Join(err, assigned.Error()); err != nil {
		r.say("the leaders stay: %v", err)
		return
	}
	elected, err := r.adm.ElectLeaders(ctx, kadm.ElectPreferredReplica, topics.TopicsSet())
	r.say("elected: %v, %v", elected, err)
}

// order has an operator move the positions while workers run. That it was ordered is noted first: the command's answer may be lost.
func (r *ring) order(s chaos.Step) {
	sign := map[chaos.Kind]string{chaos.Rewind: "-", chaos.Skip: "+"}[s.Kind]
	o := chaos.Order{Why: fmt.Sprintf("order %d of chaos", len(r.orders)+1), Most: int64(s.Amount)}
	r.orders = append(r.orders, o)
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, r.binary, "offsets", "set", filepath.Join(r.dir, "operator.yaml"), "--to", fmt.Sprintf("%s%d", sign, s.Amount), "--clamp",
		"--execute", "--why", o.Why)
	cmd.Env = append(os.Environ(), "STORE="+r.kit.address(r.kit.upstream()))
	out, err := cmd.CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	r.say("%s: %v: %s", o.Why, err, lines[len(lines)-1])
}

// addPartitions makes the topic larger; the feeder uses what is there for certain.
func (r *ring) addPartitions(n int) {
	has := int(r.feed.partitions.Load())
	n = min(n, spare-has)
	if n == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
	defer cancel()
	made, err := r.adm.CreatePartitions(ctx, n, r.topic)
	if err = errors.Join(err, made.Error()); err != nil {
		r.say("the topic stays at %d partitions: %v", has, err)
		return
	}
	r.feed.partitions.Store(int32(has + n))
}
