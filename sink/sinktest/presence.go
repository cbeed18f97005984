package sinktest

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/fencepost/fencepost/ledger"
)

// sign takes a sign of life by a worker of its own, and ends it with the test.
func (w *world) sign(name string) (ledger.Presence, ledger.Sign) {
	w.Helper()
	signs, able := ledger.As[ledger.Presence](w.worker(ledger.KeepMerged).sink.Ledger())
	if !able {
		w.Skip("this ledger takes no signs of life")
	}
	s, err := signs.Appear(w.Context(), w.group, name)
	if errors.Is(err, ledger.ErrNoPresence) {
		w.Skipf("this store takes no signs of life here: %v", err)
	}
	if err != nil {
		w.Fatalf("appear: %v", err)
	}
	w.Cleanup(func() { _ = s.End(context.Background()) })
	return signs, s
}

// signs makes names that no other test has.
func (w *world) signs(n int) (names []string) {
	for range n {
		names = append(names, ledger.NewSign(rand.Uint64()))
	}
	return names
}

// presence: a sign is held until it ends. Then each of the others is told, whoever it watched, and nobody is told of one that is
// held.
func presence(w *world) {
	names := w.signs(4)
	signs, gone := w.sign(names[0])
	alive := func(want ...string) {
		w.Helper()
		got, err := signs.Alive(w.Context(), w.group, names)
		slices.Sort(got)
		if want = slices.Sorted(slices.Values(want)); err != nil || !slices.Equal(got, want) {
			w.Errorf("alive: %v, %v, want %v", got, err, want)
		}
	}
	alive(names[0])
	told := make(chan []string, len(names))
	held := map[string]ledger.Sign{}
	for _, name := range names[1:] {
		_, held[name] = w.sign(name)
	}
	for name, s := range held {
		others := slices.DeleteFunc(slices.Clone(names), func(o string) bool { return o == name })
		go func() {
			ended, err := s.Watch(w.Context(), others)
			if err != nil {
				w.Errorf("watch by %s: %v", name, err)
			}
			told <- ended
		}()
	}
	alive(names...)
	select {
	case ended := <-told:
		w.Fatalf("told of %v, which are held", ended)
	case <-time.After(200 * time.Millisecond):
	}
	if err := gone.End(w.Context()); err != nil {
		w.Errorf("end: %v", err)
	}
	for range names[1:] {
		select {
		case ended := <-told:
			if !slices.Equal(ended, names[:1]) {
				w.Errorf("told of %v, want %v", ended, names[:1])
			}
		case <-time.After(20 * time.Second):
			w.Fatal("not every worker is told of a sign that has ended")
		}
	}
	alive(names[1:]...)
}

// presenceBefore: a sign that ended before it is watched is told, a watch that is not needed any more ends, and the own sign is
// not lost by any of this.
func presenceBefore(w *world) {
	names := w.signs(3)
	signs, s := w.sign(names[0])
	_, other := w.sign(names[1])
	watching, stop := context.WithCancel(w.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := s.Watch(watching, names[1:2])
		ended <- err
	}()
	time.Sleep(100 * time.Millisecond)
	stop()
	select {
	case err := <-ended:
		if err == nil {
			w.Error("a watch that was ended told of something")
		}
	case <-time.After(20 * time.Second):
		w.Fatal("a watch does not end with its context")
	}
	if got, err := s.Watch(w.Context(), names[2:]); err != nil || !slices.Equal(got, names[2:]) {
		w.Errorf("told of %v, %v, want %v, which nobody holds", got, err, names[2:])
	}
	if err := other.End(w.Context()); err != nil {
		w.Error(err)
	}
	if got, err := s.Watch(w.Context(), names[1:2]); err != nil || !slices.Equal(got, names[1:2]) {
		w.Errorf("told of %v, %v, want %v", got, err, names[1:2])
	}
	briefly, cancel := context.WithTimeout(w.Context(), 50*time.Millisecond)
	defer cancel()
	if s.Lost(briefly) == nil {
		w.Error("the own sign is lost")
	}
	if got, err := signs.Alive(w.Context(), w.group, names); err != nil || !slices.Equal(got, names[:1]) {
		w.Errorf("alive: %v, %v", got, err)
	}
}
