package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/fencepost/fencepost"
)

// The codes of what keeps a registry's answer away.
const (
	Silent  = "registry-silent"  // it does not answer, or says that it can not now
	Denied  = "registry-denied"  // it does not let us in
	Refused = "registry-refused" // something answers that does not know the question
	Unknown = "schema-unknown"   // of a bad record: the registry does not know its schema
)

// answer is what came instead of a schema.
type answer struct {
	code string // one of the codes
	at   string // the reference that was asked for, with ": " behind it; empty: the schema itself
	url  string // whose answer it is
	text string // what it was
	err  error
}

// Error is the answer, without a code.
func (a *answer) Error() string {
	return fmt.Sprintf("%sthe schema registry at %s %s", a.at, a.url, a.text)
}

// Unwrap is the cause.
func (a *answer) Unwrap() error { return a.err }

// silent reports whether another server of the registry may have more to say.
func (a *answer) silent() bool { return a.code == Silent }

// answered reports whether there was an answer at all.
func (a *answer) answered() bool {
	_, ok := errors.AsType[*sr.ResponseError](a.err)
	return ok
}

// notYet is the answer as decoders return it.
func (a *answer) notYet(about string) error {
	return &fencepost.Unready{Code: a.code, Reason: about + a.Error()}
}

// Confluent's codes of what is not there.
const (
	noSubject = 40401
	noVersion = 40402
	noSchema  = 40403
)

// fault says what an error of the client means.
func (s server) fault(err error) error {
	at := ""
	if ref, ok := errors.AsType[*referenceError](err); ok {
		at = ref.where + ": "
	}
	say := func(code, format string, args ...any) error {
		return &answer{code: code, at: at, url: s.url, text: fmt.Sprintf(format, args...), err: err}
	}
	if bad, ok := errors.AsType[*fencepost.BadRecord](err); ok {
		return bad.Because(at + bad.Reason)
	}
	response, ok := errors.AsType[*sr.ResponseError](err)
	if !ok {
		code, text := unanswered(err)
		return say(code, "%s", text)
	}
	switch status := response.StatusCode; {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return say(Denied, "does not let us in: %s", said(response))
	case status == http.StatusNotFound && notThere(response):
		return say(Unknown, "does not know it: %s", said(response))
	case status == http.StatusNotFound:
		return say(Refused, "does not know the question, %s: %s", response.URL, said(response))
	case status >= http.StatusInternalServerError, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout:
		return say(Silent, "can not answer now: %s", said(response))
	}
	return say(Refused, "refuses the question, %s: %s", response.URL, said(response))
}

// unanswered says why there is no response, or none that can be read.
func unanswered(err error) (code, text string) {
	if c, ok := errors.AsType[*credentialsError](err); ok {
		return Denied, "was not asked, for want of credentials: " + c.Error()
	}
	transport, onTheWay := errors.AsType[*url.Error](err)
	network, cut := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return Silent, "does not answer in time"
	case onTheWay:
		return Silent, "does not answer: " + transport.Err.Error()
	case cut:
		return Silent, "does not end its answer: " + network.Error()
	case errors.Is(err, io.ErrUnexpectedEOF):
		return Silent, "does not end its answer"
	}
	return Refused, "answers what is no answer of a schema registry: " + err.Error()
}

// notThere reports whether a 404 is about a schema. One about the path, of a program that is no registry or knows no such question, says
// nothing about a schema.
func notThere(r *sr.ResponseError) bool {
	switch r.ErrorCode {
	case noSubject, noVersion, noSchema:
		return true
	}
	var own struct{ Name string } // Apicurio's own API repeats the status as its error_code, and says what is not there by an exception's name
	if json.Unmarshal(r.Raw, &own) != nil {
		return false
	}
	switch own.Name {
	case "ArtifactNotFoundException", "ContentNotFoundException", "VersionNotFoundException":
		return true
	}
	return false
}

// said is a response for people: its status and the beginning of its text.
func said(r *sr.ResponseError) string {
	text := []byte(r.Message)
	if len(text) == 0 || r.ErrorCode == 0 && bytes.HasPrefix(bytes.TrimSpace(r.Raw), []byte("<")) {
		text = r.Raw
	}
	if len(text) > 200 {
		text = append(bytes.ToValidUTF8(text[:200], nil), "..."...)
	}
	if len(text) == 0 {
		return http.StatusText(r.StatusCode)
	}
	return fmt.Sprintf("%d, %q", r.StatusCode, text)
}
