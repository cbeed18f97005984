package news

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Kind is a kind of news, as a pipeline file names it.
type Kind string

// The kinds of news.
const (
	Parked      Kind = "parked"       // a partition stopped until a cause is mended
	Lost        Kind = "lost"         // recorded moves passed records unapplied
	DeadLetters Kind = "dead_letters" // bad records were passed, as letters or skipped
	Takeover    Kind = "takeover"     // a worker is gone, and others have its partitions
	Lag         Kind = "lag"          // more records are unread than the limit, and again when no more than half of it are
	Ended       Kind = "ended"        // the run ended with an error
)

// Kinds are all of them.
func Kinds() []string {
	return []string{string(Parked), string(Lost), string(DeadLetters), string(Takeover), string(Lag), string(Ended)}
}

// ParseKind reads what String prints.
func ParseKind(s string) (Kind, error) {
	for _, k := range Kinds() {
		if k == s {
			return Kind(k), nil
		}
	}
	return "", fmt.Errorf("parse kind of news %q: not one of %v", s, Kinds())
}

// Key is the bytes of a secret: whsec_ and base64 as the standard writes them, else the text itself.
func Key(secret string) ([]byte, error) {
	text, standard := strings.CutPrefix(secret, "whsec_")
	if !standard {
		return []byte(secret), nil
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("the secret begins with whsec_, and what follows is not base64")
	}
	return b, nil
}
