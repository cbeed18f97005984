package offsetfile

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
)

// queried is a line of kcat -Q.
var queried = regexp.MustCompile(`^(\S+) \[([^\]]*)\] offset (\S+)$`)

// readGetOffsets reads what kafka-get-offsets prints, topic:partition:offset, and kcat -Q: topic [partition] offset N.
func readGetOffsets(name string, data []byte) (c content, err error) {
	for i, text := range strings.Split(string(data), "\n") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		f := strings.Split(text, ":")
		if m := queried.FindStringSubmatch(text); m != nil {
			f = m[1:]
		}
		if len(f) != 3 {
			return c, damaged(name, i+1, "want topic:partition:offset, or topic [partition] offset N")
		}
		r, err := fields(f[0], f[1], f[2])
		if err != nil {
			return c, damaged(name, i+1, "%w", err)
		}
		r.line = i + 1
		c.add(name, r)
	}
	return c, nil
}

func writeGetOffsets(_ fencepost.Group, entries []foreign.Entry) []byte {
	var b []byte
	for _, e := range entries {
		b = fmt.Appendf(b, "%s:%d:%d\n", e.Topic, e.Partition, e.Until)
	}
	return b
}
