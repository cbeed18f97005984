package postgres

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/jackc/pgx/v5/pgproto3"
)

// However the bytes of a server's answers are cut, a COPY begins with CopyInResponse or an error, and with nothing that
// looks like one inside another message; the end of the connection begins it too.
func TestS1ACopyBeginsWithItsAnswer(t *testing.T) {
	message := func(m pgproto3.BackendMessage) []byte {
		b, err := m.Encode(nil)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	tag := message(&pgproto3.CommandComplete{CommandTag: []byte("GGGGEEEE")})
	for name, c := range map[string]struct {
		last []byte
		want bool
	}{
		"CopyInResponse": {message(&pgproto3.CopyInResponse{}), true},
		"an error":       {message(&pgproto3.ErrorResponse{Code: "42P01"}), true},
		"another":        {message(&pgproto3.ReadyForQuery{TxStatus: 'I'}), false},
	} {
		for way, cut := range map[string]func(io.Reader) io.Reader{"whole": func(r io.Reader) io.Reader { return r }, "halves": iotest.HalfReader, "bytes": iotest.OneByteReader} {
			a := &answers{Reader: cut(io.MultiReader(bytes.NewReader(tag), bytes.NewReader(tag), bytes.NewReader(c.last)))}
			begun := a.next()
			if _, err := io.ReadFull(a, make([]byte, 2*len(tag))); err != nil {
				t.Fatal(err)
			}
			if isClosed(begun) {
				t.Errorf("%s in %s: begun before it", name, way)
			}
			if _, err := io.ReadFull(a, make([]byte, len(c.last))); err != nil {
				t.Fatal(err)
			}
			if isClosed(begun) != c.want {
				t.Errorf("%s in %s: begun %t, want %t", name, way, isClosed(begun), c.want)
			}
			if _, err := a.Read(make([]byte, 1)); !errors.Is(err, io.EOF) || !isClosed(begun) {
				t.Errorf("%s in %s: not begun at the end of the connection", name, way)
			}
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
