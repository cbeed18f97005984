package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/sr"
)

// ErrNoSubject is returned by [Client.Latest] where the registry has no such subject.
var ErrNoSubject = errors.New("no such subject")

// Registered is the version of a subject.
type Registered struct {
	Subject  string
	Version  int
	Versions int // how many there are, those that were deleted not counted
	*Schema
}

// Subject is the name under which producers register the schemas of a topic unless they are told another (TopicNameStrategy).
func Subject(topic string, p Part) string { return topic + "-" + p.String() }

// Latest asks for the newest version of a subject. It asks the registry each time.
//
// Errors: ErrNoSubject; *fencepost.Unready where the registry does not answer, or not this.
func (c *Client) Latest(ctx context.Context, subject string) (Registered, error) {
	const newest = -1
	r := Registered{Subject: subject}
	err := c.ask(ctx, func(ctx context.Context, s server) error {
		found, err := s.api.SchemaByVersion(ctx, subject, newest)
		if err != nil {
			return err
		}
		versions, err := s.api.SubjectVersions(ctx, subject)
		if err != nil {
			return err
		}
		r.Version, r.Versions = found.Version, len(versions)
		if r.Schema, err = newResolver(s).confluent(ctx, found.Schema); err == nil {
			r.Schema.ID = ID{Kind: SchemaID, Number: uint64(found.ID)}
		}
		return err
	})
	if err == nil {
		return r, nil
	}
	if a, ok := errors.AsType[*answer](err); ok {
		response, _ := errors.AsType[*sr.ResponseError](a.err)
		if a.code == Unknown && (response.ErrorCode == noSubject || response.ErrorCode == noVersion) {
			return Registered{}, fmt.Errorf("%s: %w", subject, ErrNoSubject)
		}
		return Registered{}, a.notYet("")
	}
	return Registered{}, err
}
