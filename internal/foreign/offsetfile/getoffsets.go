package offsetfile

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/foreign"
)

// queried is a line of kcat -Q.
var queried = regexp.MustCompile(`^(\S+) \[([^\]]*)\] offset (\S+)$`)

// readGetOffsets reads what kafka-get-offsets prints, topic:partition:offset, and kcat -Q: topic [partition] offset N.
func readGetOffsets(name string, data []byte) (content, error) {
	return readLines(name, data, func(text string) ([]string, error) {
		f := strings.Split(text, ":")
		if m := queried.FindStringSubmatch(text); m != nil {
			f = m[1:]
		}
		if len(f) != 3 {
			return nil, errors.New("want topic:partition:offset, or topic [partition] offset N")
		}
		return f, nil
	})
}

func writeGetOffsets(_ fencepost.Group, entries []foreign.Entry) []byte {
	var b []byte
	for _, e := range entries {
		b = fmt.Appendf(b, "%s:%d:%d\n", e.Topic, e.Partition, e.Until)
	}
	return b
}
