package ledger_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/ledger"
)

// scene is the state that the lines of one case of testdata/reconcile have set so far.
type scene struct {
	stored  ledger.Stored
	answers []ledger.Answer
	policy  ledger.Policy
}

// The decision table of testdata/reconcile; its README says how a case is written.
func TestReconcileTable(t *testing.T) {
	files, err := filepath.Glob("testdata/reconcile/*.txt")
	if err != nil || len(files) < 13 {
		t.Fatalf("files of the decision table: got %d (%v), want one a verdict", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var s *scene
			var title string
			decisions := 0
			for i, l := range strings.Split(string(text), "\n") {
				at := fmt.Sprintf("%s:%d", file, i+1)
				switch {
				case strings.TrimSpace(l) == "" || strings.HasPrefix(l, "#"):
				case !strings.HasPrefix(l, " "):
					title = l
					s = &scene{stored: ledger.Stored{TopicPartition: fencepost.TopicPartition{Topic: "flights"}, Mirror: -1}}
				case strings.HasPrefix(l, "  decide "):
					decisions++
					want := strings.TrimPrefix(l, "  decide ")
					if got := told(ledger.Reconcile(s.stored, s.answers, s.policy)); got != want {
						t.Errorf("%s: %s\n got %s\nwant %s", at, title, got, want)
					}
				default:
					if err := s.read(strings.Fields(l)); err != nil {
						t.Fatalf("%s: %v", at, err)
					}
				}
			}
			if decisions == 0 {
				t.Errorf("%s decides nothing", file)
			}
		})
	}
}

// read takes one line of a case.
func (s *scene) read(words []string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("read line %q: %v", strings.Join(words, " "), r)
		}
	}()
	switch line := strings.Join(words, " "); {
	case line == "stored absent":
		s.stored.Position = ledger.Position{}
	case words[0] == "stored":
		s.stored.Position = ledger.Position{Offset: offset(words[1]), LeaderEpoch: fencepost.LeaderEpoch(after(words, "epoch", -1)),
			Fence: 1, TopicID: topicOf(words)}
	case words[0] == "roster":
		s.stored.Topic = ledger.TopicState{Partitions: int32(offset(words[1])), TopicID: topicOf(words)}
	case words[0] == "partition":
		s.stored.Partition = int32(offset(words[1]))
	case words[0] == "mirror":
		s.stored.Mirror, s.stored.MirrorFence = offset(words[1]), ledger.Fence(after(words, "fence", 0))
		s.stored.MirrorPlace = timeline(words, "at")
	case words[0] == "here":
		s.stored.Place, s.stored.Left = timeline(words, "here"), timeline(words, "left")
	case words[0] == "cluster":
		s.stored.ClusterID = words[1]
	case line == "by pattern":
		s.stored.ByPattern = true
	case line == "forget brokers":
		s.answers = nil
	case line == "broker no answer":
		s.answers = append(s.answers, ledger.Answer{LogOffsets: fencepost.LogOffsets{Err: fmt.Errorf("metadata: %w", fencepost.ErrNoAnswer)}})
	case line == "broker no topic":
		s.answers = append(s.answers, ledger.Answer{LogOffsets: fencepost.LogOffsets{Err: fmt.Errorf("metadata: %w", fencepost.ErrNoTopic)}})
	case strings.HasPrefix(line, "broker log "):
		low, high, _ := strings.Cut(words[2], "..")
		s.answers = append(s.answers, ledger.Answer{ClusterID: word(words, "cluster"), LogOffsets: fencepost.LogOffsets{TopicID: topicOf(words),
			Earliest: offset(low), LastStableOffset: offset(high), HighWatermark: offset(high), EndEpoch: fencepost.NoEpoch,
			EpochEnd: after(words, "ends", -1), AtTime: after(words, "at", -1)}})
	case line == "policy earliest everywhere":
		s.policy = ledger.EarliestEverywhere(s.policy.Start)
	case words[0] == "policy":
		*map[string]*ledger.Choice{"aged-out": &s.policy.AgedOut, "recreated": &s.policy.Recreated,
			"truncated": &s.policy.Truncated, "lost-row": &s.policy.LostRow}[words[1]] = choice(words[2])
	case words[0] == "start":
		s.policy.Start = s.start(words)
	default:
		return fmt.Errorf("read line %q: not a line of a case", line)
	}
	return nil
}

// start reads a start line.
func (s *scene) start(words []string) ledger.StartAt {
	switch words[1] {
	case "earliest":
		return ledger.StartAt{}
	case "latest":
		return ledger.StartAt{Kind: ledger.StartLatest}
	case "time":
		return ledger.StartAt{Kind: ledger.StartTime, Time: time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)}
	}
	tp := s.stored.TopicPartition
	if words[2] == "other" {
		tp.Partition++
		words[2] = "1"
	}
	return ledger.StartAt{Kind: ledger.StartOffsets, Offsets: map[fencepost.TopicPartition]fencepost.Offset{tp: offset(words[2])}}
}

// actions are the words of the decision table.
var actions = map[ledger.Action]string{ledger.Wait: "wait", ledger.AskAgain: "ask again", ledger.Resume: "resume",
	ledger.Stop: "park", ledger.MoveOn: "move"}

// told is a Decision in the words of the decision table.
func told(d ledger.Decision) string {
	count := func(n int64) string {
		switch n {
		case 0:
			return "none"
		case ledger.UnknownLoss:
			return "unknown"
		}
		return strconv.FormatInt(n, 10)
	}
	s := d.Verdict.String() + ": " + actions[d.Action]
	if d.Action == ledger.MoveOn {
		s += fmt.Sprintf(" to %d", d.Next.Offset)
		if d.Next.TopicID != (fencepost.TopicID{}) {
			s += " of " + string(d.Next.TopicID[15:])
		}
		s += fmt.Sprintf(" by %s passing %s", d.Cause, count(d.AtMost))
	}
	if d.Lost != 0 {
		s += ", lost " + count(d.Lost)
	}
	if d.Diverged >= 0 {
		s += fmt.Sprintf(", parts at %d", d.Diverged)
	}
	if d.WentBack {
		s += ", went back"
	}
	return s
}

// offset reads a number; the reader of the line recovers its panic.
func offset(s string) fencepost.Offset {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		panic(err)
	}
	return fencepost.Offset(n)
}

// word is the word behind a key, empty without one.
func word(words []string, key string) string {
	for i, w := range words[:len(words)-1] {
		if w == key {
			return words[i+1]
		}
	}
	return ""
}

// after is the number behind a key.
func after(words []string, key string, none fencepost.Offset) fencepost.Offset {
	if w := word(words, key); w != "" {
		return offset(w)
	}
	return none
}

// timeline is the place whose number is behind a key.
func timeline(words []string, key string) (p fencepost.Place) {
	if n := after(words, key, -1); n >= 0 {
		p = fencepost.Place{System: "7572312875143250001", Timeline: uint64(n)}
	}
	return p
}

// topicOf is the topic ID of a letter.
func topicOf(words []string) (id fencepost.TopicID) {
	if w := word(words, "topic"); w != "" {
		id[15] = w[0]
	}
	return id
}

// choice reads a policy's word.
func choice(s string) ledger.Choice {
	for c := ledger.Park; c <= ledger.Divergence; c++ {
		if c.String() == s {
			return c
		}
	}
	panic("no such choice: " + s)
}
