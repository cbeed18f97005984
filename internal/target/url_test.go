package target

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fencepost/fencepost"
	"github.com/fencepost/fencepost/internal/codes"
	"github.com/fencepost/fencepost/internal/pipeline"
	"github.com/fencepost/fencepost/ledger"
)

// secret has every character that divides a URL.
const secret = `p@s/s:w?o#r%d&+ 1`

func environment() *pipeline.Environment {
	vars := map[string]string{"PW": secret, "DATABASE_URL": "postgres://app:hidden@localhost:5432/shop", "HOST": "127.0.0.1"}
	return &pipeline.Environment{
		Lookup:   func(name string) (string, bool) { v, ok := vars[name]; return v, ok },
		Names:    func() []string { return []string{"PW", "DATABASE_URL", "HOST"} },
		ReadFile: func(string) ([]byte, error) { return []byte(secret + "\n"), nil },
	}
}

// Each scheme is opened, and printed without its secret.
func TestOpen(t *testing.T) {
	for text, want := range map[string]string{
		"postgres://app:${PW}@localhost:5432/shop?group=orders&sslmode=disable":                   "postgres://app@localhost:5432/shop group orders",
		"postgresql://app@localhost/shop?group=orders":                                            "postgres://app@localhost:5432/shop group orders",
		"${DATABASE_URL}?group=orders":                                                            "postgres://app@localhost:5432/shop group orders",
		"mysql://app:${PW}@localhost:3306/shop?group=orders":                                      "mysql://app:***@localhost:3306/shop group orders",
		"sqlite:some/where.db?group=orders":                                                       "sqlite:some/where.db group orders",
		"redis://:${PW}@${HOST}:6379/0?group=orders":                                              "redis://:***@127.0.0.1:6379/0 group orders",
		"rediss://app:${file:/run/secrets/pw}@localhost/3?group=orders&key=k":                     "rediss://app:***@localhost/3 group orders key k",
		"kafka://localhost:9092?group=orders-agg":                                                 "kafka://localhost:9092 group orders-agg",
		"kafka://etl:${PW}@localhost:9093?group=g&tls=true&sasl=PLAIN":                            "kafka://etl:***@localhost:9093 group g",
		"kafka://localhost:9092?group=orders&layout=kafka":                                        "kafka://localhost:9092 group orders (kafka)",
		"zk://${HOST}:2181/fencepost?group=orders":                                                "zk://127.0.0.1:2181/fencepost group orders",
		"zk://localhost:2181/consumers/orders?layout=consumers":                                   "zk://localhost:2181/consumers/orders (consumers)",
		"redis://:${PW}@localhost:6379/0?layout=pattern-a&key=spark:orders":                       "redis://:***@localhost:6379/0 key spark:orders (pattern-a)",
		"redis://localhost/0?layout=group%23topic&group=g":                                        "redis://localhost/0 group g (group#topic)",
		"postgres://app:${PW}@localhost/shop?layout=kafka_offset_journal&group=g&sslmode=disable": "postgres://app:***@localhost/shop table kafka_offset_journal group g (kafka_offset_journal)",
		"mysql://app@localhost/shop?table=t&topic=a&partition=b&offset=c":                         "mysql://app@localhost/shop table t (table)",
		"sqlite:x.db?layout=txn_offsets":                                                          "sqlite:x.db table txn_offsets (txn_offsets)",
		"file:/data/checkpoints/orders?layout=spark-checkpoint":                                   "file:/data/checkpoints/orders (spark-checkpoint)",
		"file:one.json": "file:one.json",
	} {
		if !IsURL(text) {
			t.Errorf("%s is not taken for a URL", text)
		}
		o, err := Open(t.Context(), text, Options{Env: environment()})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := o.String(); got != want {
			t.Errorf("%s: told as %q, want %q", text, got, want)
		}
		if (o.Ledger == nil) == (o.Layout == nil) {
			t.Errorf("%s: ledger %v and layout %v, want one of them", text, o.Ledger, o.Layout)
		}
		if err := o.Close(t.Context(), time.Minute); err != nil {
			t.Errorf("%s: close: %v", text, err)
		}
	}
	for _, file := range []string{"flights.yaml", "dir/flights.yaml", `C:\flights.yaml`, "flights"} {
		if IsURL(file) {
			t.Errorf("%s is taken for a URL", file)
		}
	}
}

// What cannot be understood is refused with exit code 2, the nearest, and no secret.
func TestRefused(t *testing.T) {
	for _, c := range []struct{ text, code, says, help string }{
		{"postgers://app:hidden@localhost/shop?group=g", "usage", "postgers is no scheme", "postgres://USER@HOST"},
		{"ftp://app:hidden@localhost/shop", "usage", "ftp is no scheme", "postgres  mysql  sqlite"},
		{"postgres://app:hidden@localhost/shop", "usage", "names no group", "?group=G"},
		{"postgres://app:hidden@localhost/shop?gruop=g", "usage", "no parameter gruop", "group="},
		{"sqlite:x.db?group=g&colour=t", "usage", "sqlite URLs have no parameter colour", "group"},
		{"sqlite:x.db?table=t", "layout-incomplete", "offset: which column", "layout="},
		{"sqlite:?group=g", "usage", "can not be read", "sqlite:PATH?group=G"},
		{"redis://:hidden@localhost:6379/zero?group=g", "usage", "/zero is no number", "redis://"},
		{"redis://:hidden@localhost:6379/0?layout=patern-a&key=k", "usage", "no layout patern-a", "layout=pattern-a; there are"},
		{"redis://:hid/den@localhost:6379/0?group=g", "usage", "can not be read", "redis://:${PW}@HOST"},
		{"kafka://localhost:9092?group=g&tls=perhaps", "usage", "neither true nor false", "tls=true"},
		{"kafka://localhost:9092?group=g&ca=/not/there&tls=true", "usage", "/not/there", "kafka://"},
		{"kafka://localhost:9092?group=g&layout=storm", "usage", "kafka has no layout storm", "kafka"},
		{"kafka://localhost:9092?group=g&ledger=fencepost-ledger", "ledger-removed", "keeps no ledger any more", "fencepost offsets copy"},
		{"postgres://localhost/x?group=g&layout=storm", "usage", "postgres has no layout storm", "txn_offsets"},
		{"sqlite:${NOWHERE}?group=g", "env-not-set", "NOWHERE is not set", "export NOWHERE"},
		{"redis://:${PWD2}@localhost/0?group=g", "env-not-set", "PWD2 is not set", "export"},
		{"redis://localhost/0?layout=x&group=g", "usage", "no layout x", "group%23topic"},
	} {
		_, err := Open(t.Context(), c.text, Options{Env: environment()})
		fault, ok := errors.AsType[*fencepost.UserError](err)
		if !ok || fault.Code != c.code || codes.Exit(fault) != 2 || !strings.Contains(fault.Error(), c.says) || !strings.Contains(fault.Help, c.help) {
			t.Errorf("%s: got %+v, want %s, exit 2, that says %q, with the help %q", c.text, fault, c.code, c.says, c.help)
			continue
		}
		if strings.Contains(fault.Error()+fault.Help, "hidden") || strings.Contains(fault.Error()+fault.Help, "hid/den") {
			t.Errorf("%s: the error shows the password: %s", c.text, fault)
		}
	}
}

// A character that divides a URL is refused with the URL as it is meant.
func TestO2CharactersThatDivide(t *testing.T) {
	for _, c := range []struct{ text, says, help string }{
		{"kafka://b:9092?group=meta#x", "in a URL # cuts off what follows it; in a name it is written %23", "'kafka://b:9092?group=meta%23x'"},
		{"redis://h/0?layout=pattern-a&key=spark#orders", "%23", "'redis://h/0?layout=pattern-a&key=spark%23orders'"},
		{"rediss://:${PW}@h/0?group=a#b", "%23", "'rediss://:${PW}@h/0?group=a%23b'"},
		{"redis://:hidden@h/0?group=a#b", "%23", "'...@h/0?group=a%23b'"},
		{"redis://:hid#den@h/0?group=a", "%23", "take the password from the environment"},
		{"postgres://app:p@hid/w#den@h/shop?group=a", "%23", "take the password from the environment"},
		{"redis://:hid?d@hid@h/0?group=a", "%3F", "take the password from the environment"},
		{"redis://:a@hid@h/0?group=a#b", "%23", "'...@h/0?group=a%23b'"},
		{"postgres://app@h/shop?group=a#b", "%23", "'postgres://app@h/shop?group=a%23b'"},
		{"mysql://app@h/shop?group=a#b", "%23", "'mysql://app@h/shop?group=a%23b'"},
		{"zk://h/consumers/a#b?layout=consumers", "%23", "'zk://h/consumers/a%23b?layout=consumers'"},
		{"redis://h/0?layout=group#topic&group=g", "%23", "'redis://h/0?layout=group%23topic&group=g'"},
		{"kafka://b?group=${HASH}", "%23", "write it as %23 in the value"},
		{"kafka://b?group=a?b", "%3F", "'kafka://b?group=a%3Fb'"},
		{"kafka://b?group=a&b", "%26", "'kafka://b?group=a%26b'"},
	} {
		env := environment()
		lookup := env.Lookup
		env.Lookup = func(name string) (string, bool) {
			if name == "HASH" {
				return "a#b", true
			}
			return lookup(name)
		}
		_, err := Open(t.Context(), c.text, Options{Env: env})
		fault, ok := errors.AsType[*fencepost.UserError](err)
		if !ok || fault.Code != "usage" || !strings.Contains(fault.Error(), c.says) || !strings.Contains(fault.Help, c.help) {
			t.Errorf("%s: got %v, want usage that says %q, with the help %q", c.text, err, c.says, c.help)
			continue
		}
		if strings.Contains(fault.Error()+fault.Help, "hid") {
			t.Errorf("%s: the error shows the password: %s, %s", c.text, fault, fault.Help)
		}
	}
	for _, path := range []string{"sqlite:a#b.db?group=c#d", "file:a#b.json"} { // they have no fragment
		o, err := Open(t.Context(), path, Options{Env: environment()})
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if !strings.Contains(o.String(), "a#b") {
			t.Errorf("%s: told as %s", path, o)
		}
		_ = o.Close(t.Context(), time.Minute)
	}
	if _, err := readBrokers("kafka://b:9092?tls=true#x", environment()); err == nil {
		t.Error("--brokers: got no error")
	}
}

// To open and to look makes nothing.
func TestLookingMakesNoLedger(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	o, err := Open(t.Context(), "sqlite:"+path+"?group=g", Options{Env: environment()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := o.Close(t.Context(), time.Minute); err != nil {
			t.Error(err)
		}
	}()
	exists := func() bool {
		t.Helper()
		there, err := o.Ledger.(ledger.Finder).Exists(t.Context(), o.Group)
		if err != nil {
			t.Fatal(err)
		}
		return there
	}
	if exists() {
		t.Error("a file that is not there is told to hold a ledger")
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("looking made the file: %v", err)
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if exists() {
		t.Error("an empty database is told to hold a ledger")
	}
	if _, err := o.Ledger.Read(t.Context(), o.Group); err != nil {
		t.Fatal(err)
	}
	if !exists() {
		t.Error("a ledger that was made is not found")
	}
}

// Brokers are named in three ways.
func TestBrokers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "flights.yaml")
	text := "group: g\nsource: {brokers: ['b1:9092'], topics: [flights]}\nschema: {origin: text}\nsink: {sqlite: {path: x.db, table: t}}\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for named, want := range map[string]string{
		"b1:9092": "b1:9092", "b1:9092,b2:9092": "b1:9092 b2:9092", "b1": "b1:9092", file: "b1:9092",
		"kafka://etl:${PW}@b1:9093?tls=true&sasl=SCRAM-SHA-512": "b1:9093",
	} {
		c, err := readBrokers(named, environment())
		if err != nil {
			t.Errorf("%s: %v", named, err)
			continue
		}
		if got := strings.Join(c.Brokers, " "); got != want {
			t.Errorf("%s: got %s, want %s", named, got, want)
		}
		if c.SASL.Mechanism == "" {
			continue
		}
		login, err := c.SASL.Credentials(t.Context())
		if err != nil || login.User != "etl" || login.Password != secret || !c.TLS.Enabled {
			t.Errorf("%s: got %v, %v, TLS %v; want etl with the password as it is", named, login.User, err, c.TLS.Enabled)
		}
	}
	for _, bad := range []string{"postgres://x/y", "kafka://b1:9092?group=g&tsl=true"} {
		if _, err := readBrokers(bad, environment()); err == nil {
			t.Errorf("%s: got no error", bad)
		}
	}
}
