package overlay

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// kfake is the module of the simulated brokers. The go command lets no overlay replace a file of its module cache.
const kfake = "github.com/twmb/franz-go/pkg/kfake"

// Brokers makes in dir a copy of kfake whose classic groups do what Apache Kafka 4.3.1 does with a member that waits for the answer to its JoinGroup
// or SyncGroup: its session does not end meanwhile, one that is removed is told so, and a rebalance that has begun takes no longer for those
// that join it. It returns the file for the go command's -modfile that takes the copy. internal/simulation's tests ask real brokers the same.
//
// Errors: the go command cannot be asked for the module's folder; a text that is not in its file exactly once.
func Brokers(dir string) (modfile string, err error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}\n{{.GoMod}}", kfake).Output()
	if err != nil {
		return "", fmt.Errorf("ask go for the folder of kfake: %w", err)
	}
	from, _, _ := strings.Cut(string(out), "\n")
	to := filepath.Join(dir, "kfake")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return "", fmt.Errorf("copy kfake: %w", err)
	}
	for _, e := range brokerEdits() {
		e.File = filepath.Join(to, e.File)
		if err := e.make(); err != nil {
			return "", err
		}
	}
	return modules(dir, kfake+" => "+to)
}

// make makes the edit in its file.
func (e Edit) make() error {
	text, err := os.ReadFile(e.File)
	if err != nil {
		return fmt.Errorf("edit: %w", err)
	}
	edited, err := e.of(string(text))
	if err != nil {
		return err
	}
	if err := os.Chmod(e.File, 0o644); err != nil { // files of the module cache are read-only
		return fmt.Errorf("edit: %w", err)
	}
	return os.WriteFile(e.File, []byte(edited), 0o644)
}

// modules writes a go.mod with one more replacement, and its go.sum, into dir.
func modules(dir, replace string) (modfile string, err error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("ask go for the module: %w", err)
	}
	own := strings.TrimSpace(string(out))
	mod, err := os.ReadFile(own)
	if err != nil {
		return "", fmt.Errorf("read module: %w", err)
	}
	sum, err := os.ReadFile(strings.TrimSuffix(own, "mod") + "sum")
	if err != nil {
		return "", fmt.Errorf("read module: %w", err)
	}
	modfile = filepath.Join(dir, "go.mod")
	return modfile, errors.Join(os.WriteFile(modfile, append(mod, "\nreplace "+replace+"\n"...), 0o644), os.WriteFile(filepath.Join(dir, "go.sum"), sum, 0o644))
}

// brokerEdits are the edits of Brokers, their files below the module's folder.
func brokerEdits() []Edit {
	return []Edit{
		{"groups.go", `		m.waitingReply = waitingReply
	} else {
		g.removeMember(m)
`, `		m.waitingReply = waitingReply
	} else {
		if !m.waitingReply.empty() {
			resp := m.waitingReply.kreq.ResponseKind()
			switch r := resp.(type) {
			case *kmsg.JoinGroupResponse:
				r.ErrorCode = kerr.UnknownMemberID.Code
			case *kmsg.SyncGroupResponse:
				r.ErrorCode = kerr.UnknownMemberID.Code
			}
			g.reply(m.waitingReply, resp, nil)
		}
		g.removeMember(m)
`},
		{"groups.go", `		if g.members[m.memberID] != m {
			return
		}
		g.updateMemberAndRebalance(m, nil, nil)
`, `		if g.members[m.memberID] != m || !m.waitingReply.empty() {
			return
		}
		g.updateMemberAndRebalance(m, nil, nil)
`},
		{"groups.go", `	g.state = groupPreparingRebalance
	g.clearPendingSync()

	if g.nJoining >= len(g.members) {
		g.completeRebalance()
		return
	}
`, `	begun := g.state == groupPreparingRebalance && g.tRebalance != nil
	g.state = groupPreparingRebalance
	g.clearPendingSync()

	if g.nJoining >= len(g.members) {
		g.completeRebalance()
		return
	}
	if begun {
		return
	}
`},
		{"groups.go", `	if !creq.reply(kresp) {
		return
	}
	if m != nil {
		g.updateHeartbeat(m)
	}
`, `	creq.reply(kresp)
	if m != nil {
		g.updateHeartbeat(m)
	}
`},
	}
}
