package registry_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/decode/registry"
)

// fake is a registry: it answers a path with a status and a text, after a while.
type fake struct {
	mu struct {
		sync.Mutex
		pages map[string]page
		asked []string // paths, in order
	}
	after time.Duration
	seen  func(*http.Request)
}

type page struct {
	status int
	text   string
	err    error
}

func (f *fake) set(path string, p page) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mu.pages == nil {
		f.mu.pages = map[string]page{}
	}
	f.mu.pages[path] = p
}

func (f *fake) asked() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.mu.asked)
}

// RoundTrip is http.RoundTripper.
func (f *fake) RoundTrip(r *http.Request) (*http.Response, error) {
	if f.seen != nil {
		f.seen(r)
	}
	f.mu.Lock()
	f.mu.asked = append(f.mu.asked, r.URL.Host+r.URL.Path)
	p, ok := f.mu.pages[r.URL.Path]
	if q, host := f.mu.pages[r.URL.Host]; host {
		p, ok = q, true
	}
	f.mu.Unlock()
	select {
	case <-time.After(f.after):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if !ok {
		p = page{404, `{"error_code":40403,"message":"Schema not found"}`, nil}
	}
	if p.err != nil {
		return nil, p.err
	}
	return &http.Response{StatusCode: p.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(p.text)), Request: r}, nil
}

func schemaPage(text, language, references string) page {
	if references == "" {
		references = "[]"
	}
	return page{200, fmt.Sprintf(`{"schema":%q,"schemaType":%q,"references":%s,"id":7,"version":1,"subject":"s"}`, text, language, references), nil}
}

func newClient(t testing.TB, f *fake, urls ...string) *registry.Client {
	t.Helper()
	if len(urls) == 0 {
		urls = []string{"http://registry:8081"}
	}
	c, err := registry.NewClient(registry.Config{URLs: urls, Transport: f})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func notYet(t testing.TB, err error) *fencepost.Unready {
	t.Helper()
	n, ok := errors.AsType[*fencepost.Unready](err)
	if !ok {
		t.Fatalf("got %v (%T), want a *fencepost.Unready", err, err)
	}
	return n
}

// However many decoders ask for an id at once, and however often later, the registry is asked once.
func TestOneRequestForAnID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{after: time.Second}
		f.set("/schemas/ids/7", schemaPage(`"int"`, "AVRO", ""))
		c := newClient(t, f)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				s, err := c.Schema(t.Context(), id(registry.SchemaID, 7))
				if err != nil || s.Text != `"int"` || s.Type != registry.Avro || s.ID != id(registry.SchemaID, 7) {
					t.Errorf("got %+v, %v", s, err)
				}
			})
		}
		all.Wait()
		time.Sleep(1000 * time.Hour)
		if _, err := c.Schema(t.Context(), id(registry.SchemaID, 7)); err != nil {
			t.Error(err)
		}
		if n := f.asked(); n != 1 {
			t.Errorf("the registry was asked %d times, want once", n)
		}
	})
}

// Who gives up does not take the answer from those who wait with him.
func TestTheOneWhoAsksGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{after: 2 * time.Second}
		f.set("/schemas/ids/7", schemaPage(`"int"`, "AVRO", ""))
		c := newClient(t, f)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() {
			_, err := c.Schema(ctx, id(registry.SchemaID, 7))
			notYet(t, err)
		})
		synctest.Wait()
		all.Go(func() {
			if _, err := c.Schema(t.Context(), id(registry.SchemaID, 7)); err != nil {
				t.Errorf("the one who waits: %v", err)
			}
		})
		all.Wait()
	})
}

// An id that the registry does not know is asked for three times, over five seconds, before its records are bad; each record costs no
// request; and a schema that is registered later is found.
func TestUnknownIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		c := newClient(t, f)
		began := time.Now()
		var bad *fencepost.BadRecord
		for bad == nil && time.Since(began) < time.Minute {
			_, err := c.Schema(t.Context(), id(registry.SchemaID, 7))
			if b, ok := errors.AsType[*fencepost.BadRecord](err); ok {
				bad = b
			} else if n := notYet(t, err); n.Code != registry.Unknown {
				t.Fatalf("got %s, want %s", n.Code, registry.Unknown)
			}
			time.Sleep(10 * time.Millisecond)
		}
		took := time.Since(began).Round(100 * time.Millisecond)
		if bad == nil || took != 5*time.Second || f.asked() != 3 {
			t.Fatalf("got %v after %v and %d requests, want a bad record after 5s and 3", bad, took, f.asked())
		}
		if want := "id 7: the schema registry at http://registry:8081 does not know it: 404, \"Schema not found\", asked 3 times within 5s"; bad.Code != registry.Unknown || bad.Reason != want {
			t.Errorf("got %s %q, want %s %q", bad.Code, bad.Reason, registry.Unknown, want)
		}
		f.set("/schemas/ids/7", schemaPage(`"int"`, "AVRO", ""))
		if _, err := c.Schema(t.Context(), id(registry.SchemaID, 7)); err == nil || f.asked() != 3 {
			t.Errorf("got %v after %d requests, want the bad record without a request", err, f.asked())
		}
		time.Sleep(30 * time.Second)
		if _, err := c.Schema(t.Context(), id(registry.SchemaID, 7)); err != nil {
			t.Errorf("half a minute after it was registered: %v", err)
		}
	})
}

// An answer between two "unknown" of another kind begins the count again: the registry may have lost what it knew.
func TestUnknownInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		c := newClient(t, f)
		for range 2 {
			_, err := c.Schema(t.Context(), id(registry.SchemaID, 7))
			notYet(t, err)
			time.Sleep(3 * time.Second)
		}
		f.set("/schemas/ids/7", page{500, "{}", nil})
		_, err := c.Schema(t.Context(), id(registry.SchemaID, 7))
		notYet(t, err)
		time.Sleep(3 * time.Second)
		f.set("/schemas/ids/7", page{404, `{"error_code":40403}`, nil})
		_, err = c.Schema(t.Context(), id(registry.SchemaID, 7))
		notYet(t, err)
	})
}

// A registry that is down makes every id wait, costs one request a second in all, and is asked at once when it is back.
func TestASilentRegistry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		f.set("registry:8081", page{err: errors.New("connection refused")})
		c := newClient(t, f)
		began := time.Now()
		for n := uint64(1); time.Since(began) < 10*time.Second; n++ {
			_, err := c.Schema(t.Context(), id(registry.SchemaID, n))
			if got := notYet(t, err); got.Code != registry.Silent || !strings.Contains(got.Reason, "the schema registry at http://registry:8081 does not answer: connection refused") {
				t.Fatalf("got %s %q", got.Code, got.Reason)
			}
			time.Sleep(time.Millisecond)
		}
		if n := f.asked(); n > 11 {
			t.Errorf("10,000 questions cost %d requests in 10 s, want one a second", n)
		}
		f.set("registry:8081", schemaPage(`"int"`, "AVRO", ""))
		time.Sleep(time.Second)
		if _, err := c.Schema(t.Context(), id(registry.SchemaID, 1)); err != nil {
			t.Error(err)
		}
	})
}

// A registry that hangs is not waited for longer than the timeout.
func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, &fake{after: time.Hour})
		began := time.Now()
		_, err := c.Schema(t.Context(), id(registry.SchemaID, 7))
		if n := notYet(t, err); time.Since(began) != 5*time.Second || n.Code != registry.Silent || !strings.HasSuffix(n.Reason, "does not answer in time") {
			t.Errorf("got %s %q after %v, want silence after 5s", n.Code, n.Reason, time.Since(began))
		}
	})
}

// What an answer means: nothing but a registry's own word that it does not know a schema counts towards a bad record.
func TestAnswers(t *testing.T) {
	guid := registry.ID{Kind: registry.GUID, GUID: [16]byte{1}}
	for _, c := range []struct {
		name string
		id   registry.ID
		page page
		code string
		want string
	}{
		{"unknown id", id(registry.SchemaID, 7), page{404, `{"error_code":40403,"message":"Schema 7 not found"}`, nil}, registry.Unknown, "does not know it"},
		{"unknown globalId", id(registry.GlobalID, 7), page{404, `{"error_code":404,"name":"ArtifactNotFoundException","message":"No artifact"}`, nil}, registry.Unknown, "No artifact"},
		{"unknown contentId", id(registry.ContentID, 7), page{404, `{"error_code":404,"name":"ContentNotFoundException","message":"No content"}`, nil}, registry.Unknown, "No content"},
		{"a path that Apicurio has not", guid, page{404, `{"error_code":0,"message":"RESTEASY003210: Could not find resource for full path"}`, nil}, registry.Refused, "does not know the question, http://registry:8081/schemas/guids/01000000-0000-0000-0000-000000000000"},
		{"a path that Apicurio's own API has not", id(registry.GlobalID, 7), page{404, `{"error_code":404,"name":"NotFoundException","message":"RESTEASY003210"}`, nil}, registry.Refused, "does not know the question"},
		{"another program", id(registry.SchemaID, 7), page{404, `<html>not here</html>`, nil}, registry.Refused, "<html>not here"},
		{"another program that is content", id(registry.SchemaID, 7), page{200, `<html>log in</html>`, nil}, registry.Refused, "answers what is no answer of a schema registry"},
		{"a type of a later registry", id(registry.SchemaID, 7), page{200, `{"schema":"","schemaType":"THRIFT"}`, nil}, registry.Refused, `unknown schema type "THRIFT"`},
		{"no credentials", id(registry.SchemaID, 7), page{401, ``, nil}, registry.Denied, "does not let us in: 401"},
		{"no right", id(registry.SchemaID, 7), page{403, `{"error_code":40301,"message":"User is denied operation"}`, nil}, registry.Denied, "User is denied"},
		{"too many requests", id(registry.SchemaID, 7), page{429, ``, nil}, registry.Silent, "can not answer now: 429"},
		{"a timeout of its own", id(registry.SchemaID, 7), page{408, ``, nil}, registry.Silent, "can not answer now"},
		{"an error of its store", id(registry.SchemaID, 7), page{500, `{"error_code":50001,"message":"Error in the backend data store"}`, nil}, registry.Silent, "backend data store"},
		{"a gateway without it", id(registry.SchemaID, 7), page{503, `<html>`, nil}, registry.Silent, "can not answer now"},
		{"a bad request", id(registry.SchemaID, 7), page{400, `{"message":"bad"}`, nil}, registry.Refused, "refuses the question"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fake{}
			f.set("registry:8081", c.page)
			_, err := newClient(t, f).Schema(t.Context(), c.id)
			if n := notYet(t, err); n.Code != c.code || !strings.Contains(n.Reason, c.want) || !strings.HasPrefix(n.Reason, c.id.String()) {
				t.Errorf("got %s %q, want %s: ...%s...", n.Code, n.Reason, c.code, c.want)
			}
		})
	}
}

// The next server of a registry is asked where one is silent, and not where one answers.
func TestSeveralServers(t *testing.T) {
	for _, c := range []struct {
		first page
		asked int
		ok    bool
	}{
		{page{err: errors.New("connection refused")}, 2, true},
		{page{status: 503}, 2, true},
		{page{status: 401}, 1, false},
		{page{404, `{"error_code":40403}`, nil}, 1, false},
	} {
		f := &fake{}
		f.set("a:8081", c.first)
		f.set("b:8081", schemaPage(`"int"`, "AVRO", ""))
		_, err := newClient(t, f, "http://a:8081", "http://b:8081").Schema(t.Context(), id(registry.SchemaID, 7))
		if (err == nil) != c.ok || f.asked() != c.asked {
			t.Errorf("%+v first: got %v after %d requests, want %d", c.first, err, f.asked(), c.asked)
		}
	}
}

// References are resolved recursively, each version once.
func TestReferences(t *testing.T) {
	f := &fake{}
	f.set("/schemas/ids/7", schemaPage("top", "PROTOBUF", `[{"name":"a.proto","subject":"a","version":2},{"name":"b.proto","subject":"b","version":1}]`))
	f.set("/subjects/a/versions/2", schemaPage("a", "PROTOBUF", `[{"name":"b.proto","subject":"b","version":1}]`))
	f.set("/subjects/b/versions/1", schemaPage("b", "PROTOBUF", ""))
	s, err := newClient(t, f).Schema(t.Context(), id(registry.SchemaID, 7))
	if err != nil {
		t.Fatal(err)
	}
	a, b := s.References[0], s.References[1]
	if a.Name != "a.proto" || a.Subject != "a" || a.Version != "2" || a.Schema.Text != "a" || a.Schema.References[0].Schema != b.Schema || b.Schema.Text != "b" || f.asked() != 3 {
		t.Errorf("got %+v and %+v after %d requests, want one b", a, b, f.asked())
	}
}

// A reference that leads back to itself makes a bad record, and no request without end.
func TestReferencesInACircle(t *testing.T) {
	f := &fake{}
	f.set("/schemas/ids/7", schemaPage("top", "AVRO", `[{"name":"A","subject":"a","version":1}]`))
	f.set("/subjects/a/versions/1", schemaPage("a", "AVRO", `[{"name":"B","subject":"b","version":1}]`))
	f.set("/subjects/b/versions/1", schemaPage("b", "AVRO", `[{"name":"A","subject":"a","version":1}]`))
	_, err := newClient(t, f).Schema(t.Context(), id(registry.SchemaID, 7))
	want := "id 7: reference A, version 1 of a: reference B, version 1 of b: reference A, version 1 of a: it refers to itself"
	if bad, ok := errors.AsType[*fencepost.BadRecord](err); !ok || bad.Reason != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// A reference that the registry does not know counts as the id does.
func TestAReferenceThatIsGone(t *testing.T) {
	f := &fake{}
	f.set("/schemas/ids/7", schemaPage("top", "AVRO", `[{"name":"A","subject":"a","version":1}]`))
	f.set("/subjects/a/versions/1", page{404, `{"error_code":40402,"message":"Version 1 not found."}`, nil})
	_, err := newClient(t, f).Schema(t.Context(), id(registry.SchemaID, 7))
	if n := notYet(t, err); n.Code != registry.Unknown || !strings.Contains(n.Reason, "reference A, version 1 of a") {
		t.Errorf("got %s %q", n.Code, n.Reason)
	}
}

// Apicurio's ids are asked for at its own API, wherever the URL points; its references name artifacts in groups.
func TestApicuriosOwnAPI(t *testing.T) {
	for _, url := range []string{"http://registry:8081/apis/ccompat/v7", "http://registry:8081", "http://registry:8081/apis/registry/v2/"} {
		f := &fake{}
		f.set("/apis/registry/v2/ids/globalIds/7", page{200, "top", nil})
		f.set("/apis/registry/v2/ids/globalIds/7/references", page{200, `[{"groupId":"g","artifactId":"a/b","version":"1.0","name":"a.proto"}]`, nil})
		f.set("/apis/registry/v2/groups/g/artifacts/a/b/versions/1.0", page{200, "a", nil})
		f.set("/apis/registry/v2/groups/g/artifacts/a/b/versions/1.0/references", page{200, `[]`, nil})
		s, err := newClient(t, f, url).Schema(t.Context(), id(registry.GlobalID, 7))
		if err != nil {
			t.Fatalf("%s: %v", url, err)
		}
		if s.Text != "top" || s.Type != registry.AnyType || len(s.References) != 1 || s.References[0].Subject != "g/a/b" || s.References[0].Schema.Text != "a" {
			t.Errorf("%s: got %+v", url, s)
		}
	}
}

// A text in base64 is a descriptor.
func TestDescriptor(t *testing.T) {
	f := &fake{}
	f.set("/schemas/ids/1", schemaPage(base64.StdEncoding.EncodeToString([]byte("descriptor")), "PROTOBUF", ""))
	f.set("/schemas/ids/2", schemaPage(`syntax = "proto3";`, "PROTOBUF", ""))
	f.set("/schemas/ids/3", schemaPage(`null`, "AVRO", ""))
	c := newClient(t, f)
	for n, want := range map[uint64]string{1: "descriptor", 2: "", 3: ""} {
		if s, err := c.Schema(t.Context(), id(registry.SchemaID, n)); err != nil || string(s.Descriptor) != want {
			t.Errorf("id %d: got %+v, %v, want the descriptor %q", n, s, err, want)
		}
	}
}

// Credentials are asked for anew before each request, and never printed.
func TestCredentials(t *testing.T) {
	var sent []string
	f := &fake{seen: func(r *http.Request) { sent = append(sent, r.Header.Get("Authorization")) }}
	n := atomic.Int32{}
	answers := []registry.Credentials{{User: "u", Password: "p"}, {Token: "t", User: "u"}, {}}
	c, err := registry.NewClient(registry.Config{URLs: []string{"http://registry:8081"}, Transport: f,
		Credentials: func(context.Context) (registry.Credentials, error) {
			i := int(n.Add(1)) - 1
			if i == len(answers) {
				return registry.Credentials{}, errors.New("no such file")
			}
			return answers[i], nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(3) {
		_, _ = c.Schema(t.Context(), id(registry.SchemaID, i+1))
	}
	if want := "Basic dTpw Bearer t "; strings.Join(sent, " ") != want {
		t.Errorf("sent %q, want %q", sent, want)
	}
	_, err = c.Schema(t.Context(), id(registry.SchemaID, 9))
	if n := notYet(t, err); n.Code != registry.Denied || !strings.HasSuffix(n.Reason, "for want of credentials: no such file") {
		t.Errorf("got %s %q", n.Code, n.Reason)
	}
}

// A URL that can not be one is refused, without its password.
func TestURLs(t *testing.T) {
	for _, url := range []string{"registry:8081", "ftp://registry", "http://", "http://user:secret@registry:8081", "user:secret@registry:8081", "http://user:secret@%zz"} {
		_, err := registry.NewClient(registry.Config{URLs: []string{url}})
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want a refusal without the password", url, err)
		}
	}
}

// What init and check ask: the newest version of a topic's subject.
func TestLatest(t *testing.T) {
	f := &fake{}
	f.set("/subjects/flights-value/versions/latest", page{200, `{"subject":"flights-value","version":3,"id":7,"schemaType":"JSON","schema":"{}"}`, nil})
	f.set("/subjects/flights-value/versions", page{200, `[1,3]`, nil})
	f.set("/subjects/gone-value/versions/latest", page{404, `{"error_code":40401,"message":"Subject 'gone-value' not found."}`, nil})
	f.set("/subjects/down-value/versions/latest", page{503, ``, nil})
	c := newClient(t, f)
	r, err := c.Latest(t.Context(), registry.Subject("flights", registry.Value))
	if err != nil || r.Version != 3 || r.Versions != 2 || r.Type != registry.JSON || r.ID != id(registry.SchemaID, 7) {
		t.Errorf("got %+v, %v", r, err)
	}
	if _, err := c.Latest(t.Context(), "gone-value"); !errors.Is(err, registry.ErrNoSubject) {
		t.Errorf("got %v, want ErrNoSubject", err)
	}
	_, err = c.Latest(t.Context(), "down-value")
	if n := notYet(t, err); n.Code != registry.Silent {
		t.Errorf("got %s, want %s", n.Code, registry.Silent)
	}
}
