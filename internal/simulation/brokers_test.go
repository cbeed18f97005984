package simulation

import (
	"context"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The simulated brokers do in a group what real ones do; see brokers_real_test.go. The program of the simulation runs this.
func TestSimulatedBrokersDoWhatRealOnesDo(t *testing.T) {
	if !repeatable {
		t.Skip("the brokers are edited in the program of the simulation only: make sim")
	}
	cryptotest.SetGlobalRandom(t, 1)
	synctest.Test(t, func(t *testing.T) {
		reseed(1)
		w, err := newWorld(NewPlan(1))
		if err != nil {
			t.Fatal(err)
		}
		defer w.close()
		askAboutGroups(t, "a", time.Second, func() *kgo.Client {
			cl, err := w.client()
			if err != nil {
				t.Fatal(err)
			}
			return cl
		})
	})
}

// askAboutGroups asks brokers what the simulation rests on. session is the shortest that they allow.
func askAboutGroups(t *testing.T, group string, session time.Duration, open func() *kgo.Client) {
	t.Helper()
	var clients []*kgo.Client
	in := func(group string, rebalance time.Duration) *member {
		clients = append(clients, open())
		return &member{t: t, client: clients[len(clients)-1], group: group, session: session, rebalance: rebalance}
	}
	defer func() {
		for _, cl := range clients {
			cl.Close()
		}
	}()
	askAboutWaiting(t, session, func() *member { return in(group+"-waiting", time.Minute) })
	askAboutRebalanceTime(t, session, func() *member { return in(group+"-late", 2*session) })
	askAboutDeath(t, session, func() *member { return in(group+"-dead", time.Minute) })
}

// A member that waits for the answer to its JoinGroup stays for longer than its session, and is told at once that it was removed.
func askAboutWaiting(t *testing.T, session time.Duration, another func() *member) {
	t.Helper()
	a, b, c := another(), another(), another()
	a.join(session)
	joinsB := b.begin()
	joinsA := a.begin() // as its heartbeat would have it
	a.answered(joinsA, session, nil)
	b.answered(joinsB, session, nil)
	a.sync(a, b)
	b.sync()
	stop := b.beat() // and does not join again
	joinsC := c.begin()
	joinsA = a.begin()
	time.Sleep(session * 3 / 2)
	a.waits(joinsA, "which is longer than its session")
	c.waits(joinsC, "which is longer than its session")
	b.remove(a.id)
	a.answered(joinsA, session/2, kerr.UnknownMemberID)
	stop()
	b.remove(b.id)
	c.answered(joinsC, session/2, nil)
}

// A rebalance ends a rebalance timeout after it has begun, also where members join in between.
func askAboutRebalanceTime(t *testing.T, session time.Duration, another func() *member) {
	t.Helper()
	a, b, c := another(), another(), another()
	a.join(session)
	a.sync(a)
	stop := a.beat() // and does not join again
	defer stop()
	joinsB := b.begin()
	time.Sleep(session * 3 / 2)
	joinsC := c.begin()
	b.answered(joinsB, session, nil)
	c.answered(joinsC, session, nil)
}

// The session of a member that died while it waited for the answer to its JoinGroup begins with the answer, though nobody is there to read it.
func askAboutDeath(t *testing.T, session time.Duration, another func() *member) {
	t.Helper()
	a, b := another(), another()
	a.join(session)
	a.sync(a)
	b.begin()
	b.client.Close()
	joinsA := a.begin()
	a.answered(joinsA, session, nil)
	a.sync(a, b)
	stop := a.beat()
	time.Sleep(session * 3 / 2)
	stop()
	a.answered(a.begin(), session/2, nil) // and waits for nobody
}

// member is a bare member of a classic group, without what a consumer does by itself.
type member struct {
	t                  *testing.T
	client             *kgo.Client
	group, id          string
	generation         int32
	session, rebalance time.Duration
}

// begin sends a JoinGroup, the first one to get an ID, and returns where its answer will be.
func (m *member) begin() <-chan *kmsg.JoinGroupResponse {
	m.t.Helper()
	if m.id == "" {
		first := m.request()
		if first == nil || first.ErrorCode != kerr.MemberIDRequired.Code {
			m.t.Fatalf("a first JoinGroup: got %+v, want MEMBER_ID_REQUIRED", first)
		}
		m.id = first.MemberID
	}
	answer := make(chan *kmsg.JoinGroupResponse, 1)
	go func() { answer <- m.request() }()
	time.Sleep(m.session / 20) // it is there before what the caller does next
	return answer
}

// request is nil where no answer came.
func (m *member) request() *kmsg.JoinGroupResponse {
	req := kmsg.NewPtrJoinGroupRequest()
	req.Group, req.MemberID, req.ProtocolType = m.group, m.id, "consumer"
	req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = int32(m.session.Milliseconds()), int32(m.rebalance.Milliseconds())
	p := kmsg.NewJoinGroupRequestProtocol()
	p.Name, p.Metadata = "any", []byte{1}
	req.Protocols = append(req.Protocols, p)
	resp, err := req.RequestWith(context.Background(), m.client)
	if err != nil {
		return nil
	}
	return resp
}

// join joins a group that nobody else is in.
func (m *member) join(within time.Duration) {
	m.t.Helper()
	m.answered(m.begin(), within, nil)
}

// answered waits for an answer.
func (m *member) answered(answer <-chan *kmsg.JoinGroupResponse, within time.Duration, want error) {
	m.t.Helper()
	select {
	case resp := <-answer:
		if resp == nil {
			m.t.Fatalf("a JoinGroup: got no answer, want %v", want)
		}
		if got := kerr.ErrorForCode(resp.ErrorCode); got != want {
			m.t.Fatalf("a JoinGroup: got %v, want %v", got, want)
		}
		m.generation = resp.Generation
	case <-time.After(within):
		m.t.Fatalf("a JoinGroup: no answer within %s, want %v", within, want)
	}
}

func (m *member) waits(answer <-chan *kmsg.JoinGroupResponse, how string) {
	m.t.Helper()
	select {
	case resp := <-answer:
		m.t.Fatalf("a JoinGroup: got %+v, want that it waits, %s", resp, how)
	default:
	}
}

// sync is the leader's with the assignment of members, or a follower's.
func (m *member) sync(members ...*member) {
	m.t.Helper()
	req := kmsg.NewPtrSyncGroupRequest()
	req.Group, req.MemberID, req.Generation = m.group, m.id, m.generation
	req.ProtocolType, req.Protocol = kmsg.StringPtr("consumer"), kmsg.StringPtr("any")
	for _, other := range members {
		a := kmsg.NewSyncGroupRequestGroupAssignment()
		a.MemberID = other.id
		req.GroupAssignment = append(req.GroupAssignment, a)
	}
	resp, err := req.RequestWith(m.t.Context(), m.client)
	if err != nil || resp.ErrorCode != 0 {
		m.t.Fatalf("a SyncGroup: got %+v, %v", resp, err)
	}
}

// beat sends heartbeats until it is stopped.
func (m *member) beat() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() {
		defer close(over)
		for ctx.Err() == nil {
			req := kmsg.NewPtrHeartbeatRequest()
			req.Group, req.MemberID, req.Generation = m.group, m.id, m.generation
			_, _ = req.RequestWith(ctx, m.client) // REBALANCE_IN_PROGRESS, which a consumer would obey
			select {
			case <-time.After(m.session / 10):
			case <-ctx.Done():
			}
		}
	}()
	return func() { cancel(); <-over }
}

// remove removes a member, as a worker does that evicts another.
func (m *member) remove(id string) {
	m.t.Helper()
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = m.group
	gone := kmsg.NewLeaveGroupRequestMember()
	gone.MemberID = id
	req.Members = append(req.Members, gone)
	resp, err := req.RequestWith(m.t.Context(), m.client)
	if err != nil || resp.ErrorCode != 0 || resp.Members[0].ErrorCode != 0 {
		m.t.Fatalf("remove %s: got %+v, %v", id, resp, err)
	}
}
