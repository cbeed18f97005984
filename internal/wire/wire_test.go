package wire

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"
)

// echo is a server that sends back what it receives.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

func begin(t *testing.T) *Wire {
	t.Helper()
	w, err := Listen("127.0.0.1:0", echo(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

func dial(t *testing.T, w *Wire) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", w.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// ask sends a text and returns what came back: all of it, or what came before the connection's end.
func ask(t *testing.T, c net.Conn, text string) (string, error) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		return "", err
	}
	buf := make([]byte, len(text))
	n, err := io.ReadFull(c, buf)
	return string(buf[:n]), err
}

// wants asks, and wants the whole answer.
func wants(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if got, err := ask(t, c, text); err != nil || got != text {
		t.Fatalf("the answer to %q is %q, %v", text, got, err)
	}
}

// silent wants no answer for a moment.
func silent(t *testing.T, c net.Conn, text string) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	defer func() { _ = c.SetReadDeadline(time.Time{}) }()
	if got, err := ask(t, c, text); got != "" || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the answer to %q is %q, %v, want none and an open connection", text, got, err)
	}
}

func TestNothingIsChanged(t *testing.T) {
	c := dial(t, begin(t))
	long := make([]byte, 1<<20)
	for i := range long {
		long[i] = byte(i * 7)
	}
	go func() { _, _ = c.Write(long) }()
	got := make([]byte, len(long))
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, long) {
		t.Fatalf("a megabyte came back otherwise, %v", err)
	}
}

// A cut falls behind exactly the byte that it names, for every byte of an answer.
func TestCutAtEveryByte(t *testing.T) {
	w := begin(t)
	const text = "an answer"
	for k := range len(text) + 1 {
		c := dial(t, w)
		wants(t, c, "before")
		w.Set(Fault{Cut: Cut{Way: Answers, After: k}})
		got, err := ask(t, c, text)
		if k == len(text) && err == nil { // the last byte arrives, and the end behind it
			_, err = c.Read(make([]byte, 1))
		}
		if got != text[:k] || err == nil {
			t.Errorf("cut after %d bytes: %q arrived, %v", k, got, err)
		}
		if n := w.Cuts(); n != 1 {
			t.Errorf("%d cuts, want 1", n)
		}
		w.Mend()
	}
}

// A request is cut too: the server gets what is in front.
func TestCutOfARequest(t *testing.T) {
	w := begin(t)
	w.Set(Fault{Cut: Cut{Way: Requests, After: 0}})
	if got, err := ask(t, dial(t, w), "x"); got != "" || err == nil {
		t.Errorf("%q came back, %v", got, err)
	}
}

// Counting begins at the request that is named, and ends with the first connection that was cut.
func TestCutSinceARequest(t *testing.T) {
	w := begin(t)
	w.Set(Fault{Cut: Cut{Way: Answers, After: 3, Once: true, Since: func(b []byte) bool { return bytes.Contains(b, []byte("commit")) }}})
	c := dial(t, w)
	wants(t, c, "begin, and more than three bytes")
	if got, err := ask(t, c, "commit"); got != "com" || err == nil {
		t.Errorf("%q came back, %v, want com and the end", got, err)
	}
	wants(t, dial(t, w), "commit")
}

// Counted says how long an answer is that nothing cuts.
func TestCounted(t *testing.T) {
	w := begin(t)
	w.Set(Fault{Cut: Cut{Way: Answers, After: 1 << 30, Since: func(b []byte) bool { return bytes.Contains(b, []byte("commit")) }}})
	c := dial(t, w)
	wants(t, c, "begin")
	wants(t, c, "commit")
	wants(t, c, "more")
	if n := w.Counted(); n != len("commit")+len("more") {
		t.Errorf("%d bytes counted, want %d", n, len("commitmore"))
	}
}

// What hangs arrives when the wire is mended, in its order.
func TestHang(t *testing.T) {
	w := begin(t)
	for _, way := range []Way{Requests, Answers, Both} {
		c := dial(t, w)
		wants(t, c, "before")
		w.Set(Fault{Hang: way})
		silent(t, c, "first ")
		w.Mend()
		buf := make([]byte, 6)
		if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "first " {
			t.Fatalf("%q arrived, %v", buf, err)
		}
		wants(t, c, "second")
	}
}

// What is swallowed never arrives, and its connection ends where it could go on without it.
func TestMute(t *testing.T) {
	w := begin(t)
	c, other := dial(t, w), dial(t, w)
	wants(t, other, "before")
	w.Set(Fault{Mute: Answers})
	silent(t, c, "lost")
	w.Mend()
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("a connection goes on that has lost bytes")
	}
	wants(t, other, "after")
}

func TestRefuse(t *testing.T) {
	w := begin(t)
	c := dial(t, w)
	wants(t, c, "before")
	w.Set(Fault{Refuse: true})
	if _, err := ask(t, c, "x"); err == nil {
		t.Error("an open connection goes on")
	}
	if _, err := ask(t, dial(t, w), "x"); err == nil {
		t.Error("a new connection was taken")
	}
	w.Mend()
	wants(t, dial(t, w), "after")
}

// Everything arrives through a drip and a delay, in its order.
// A fault that is about some clients spares the others, those that connect later too.
func TestOnly(t *testing.T) {
	w := begin(t)
	one, other := dial(t, w), dial(t, w)
	wants(t, one, "before")
	wants(t, other, "before")
	of := func(c net.Conn) func(net.Addr) bool {
		return func(client net.Addr) bool { return client.String() == c.LocalAddr().String() }
	}
	w.Set(Fault{Hang: Both, Only: of(one)})
	silent(t, one, "held")
	wants(t, other, "through")
	wants(t, dial(t, w), "later")
	w.Set(Fault{Refuse: true, Only: of(other)})
	if got, err := ask(t, other, "x"); err == nil {
		t.Errorf("the one that is refused got %q", got)
	}
	buf := make([]byte, 4)
	if _, err := io.ReadFull(one, buf); err != nil || string(buf) != "held" {
		t.Errorf("what was held came as %q, %v", buf, err)
	}
	wants(t, dial(t, w), "later")
}

func TestDripAndDelay(t *testing.T) {
	w := begin(t)
	w.Set(Fault{Delay: time.Millisecond, Drip: Drip{Way: Both, Bytes: 3, Every: time.Microsecond}})
	wants(t, dial(t, w), "one after the other")
}

// An upstream that is not there ends the client's connection.
// A wire that leads elsewhere ends what was open, and what is new goes there.
func TestLead(t *testing.T) {
	w := begin(t)
	c := dial(t, w)
	wants(t, c, "before")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = io.WriteString(c, "other")
		}
	}()
	w.Lead(l.Addr().String())
	if _, err := ask(t, c, "x"); err == nil {
		t.Error("an open connection goes on")
	}
	buf := make([]byte, 5)
	if _, err := io.ReadFull(dial(t, w), buf); err != nil || string(buf) != "other" {
		t.Errorf("the new connection got %q, %v", buf, err)
	}
}

func TestNoUpstream(t *testing.T) {
	w, err := Listen("127.0.0.1:0", "127.0.0.1:1", 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	if _, err := ask(t, dial(t, w), "x"); err == nil {
		t.Error("an answer came from nowhere")
	}
}

// What a fault leaves open is decided by the seed alone.
func TestDecideBySeed(t *testing.T) {
	f := Fault{Delay: time.Second, Drip: Drip{Way: Both, Bytes: 100, Every: time.Second}}
	steps := func(seed uint64) (list []step) {
		rng := rand.New(rand.NewPCG(seed, 1))
		for range 50 {
			list = append(list, f.decide(Answers, 1000, -1, rng))
		}
		return list
	}
	one, again, other := steps(1), steps(1), steps(2)
	same := 0
	for i, s := range one {
		if s != again[i] {
			t.Fatalf("step %d is %+v and %+v by one seed", i, s, again[i])
		}
		if s.bytes < 1 || s.bytes > 100 || s.pause < 1500*time.Millisecond || s.pause > 2*time.Second {
			t.Errorf("step %d is %+v", i, s)
		}
		if s == other[i] {
			same++
		}
	}
	if same == len(one) {
		t.Error("two seeds decide alike")
	}
}

// Waiting names a request that hangs or is late, and none that has passed.
func TestWaiting(t *testing.T) {
	w := begin(t)
	commit := func(b []byte) bool { return bytes.Contains(b, []byte("commit")) }
	wants := func(n int) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); w.Waiting(commit) != n; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d requests wait, want %d", w.Waiting(commit), n)
			}
		}
	}
	one, other := dial(t, w), dial(t, w)
	for _, f := range []Fault{{Hang: Both}, {Hang: Requests}, {Drip: Drip{Way: Requests, Bytes: 100, Every: time.Minute}}} {
		w.Set(f)
		silent(t, one, "commit")
		silent(t, other, "another")
		wants(1)
		w.Mend()
		wants(0)
		for c, text := range map[net.Conn]string{one: "commit", other: "another"} {
			buf := make([]byte, len(text))
			if _, err := io.ReadFull(c, buf); err != nil || string(buf) != text {
				t.Errorf("%q came back, %v, want %q", buf, err, text)
			}
		}
	}
	w.Set(Fault{Hang: Answers})
	silent(t, one, "commit")
	wants(0)
}
