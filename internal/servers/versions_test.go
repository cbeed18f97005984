package servers

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestVersions: docs/reference/versions.md names what the test servers are made of.
func TestVersions(t *testing.T) {
	page, err := os.ReadFile("../../docs/reference/versions.md")
	if err != nil {
		t.Fatal(err)
	}
	names := func(server, version string) {
		t.Helper()
		row := regexp.MustCompile(`(?mi)^\| [^|]*` + regexp.QuoteMeta(server) + `[^|]* \|[^|]*\b` + regexp.QuoteMeta(version) + `\b[^|]* \|`)
		if !row.Match(page) {
			t.Errorf("no row of %s has the version %s", server, version)
		}
	}
	artifact := regexp.MustCompile(`<artifactId>(kafka_[0-9.]+|zookeeper)</artifactId><version>([0-9.]+)</version>`)
	seen := 0
	for _, file := range []string{"files/pom.xml", "files/pom-kafka-2.4.xml", "files/zookeeper.xml"} {
		pom, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range artifact.FindAllStringSubmatch(string(pom), -1) {
			seen++
			name, _, _ := strings.Cut(m[1], "_")
			version := m[2]
			if name == "zookeeper" {
				version = minor(version)
			}
			names(name, version)
		}
	}
	if seen < 3 {
		t.Errorf("%d versions found in the POMs, want those of Kafka, the old Kafka and ZooKeeper", seen)
	}
	names("Apicurio Registry", minor(registryVersion))
	serializers, err := serializerRecipe()
	if err != nil {
		t.Fatal(err)
	}
	for name, pinned := range map[string]string{
		"confluent-kafka": `(?m)^confluent-kafka==([0-9.]+)$`, "schemaregistry": `"@confluentinc/schemaregistry": "([0-9.]+)"},`,
		"apicurio-registry-serdes": `<artifactId>apicurio-registry-serdes-avro-serde</artifactId><version>([0-9.]+)\.Final`} {
		m := regexp.MustCompile(pinned).FindStringSubmatch(serializers)
		if m == nil {
			t.Errorf("no version of %s is pinned", name)
			continue
		}
		names(name, m[1])
	}
	for _, n := range newerServers {
		version := minor(regexp.MustCompile(`^[0-9]+:`).ReplaceAllString(n.version, ""))
		name := map[string]string{"postgres": "Postgres", "pgbouncer": "PgBouncer", "mysql": "MySQL", "mariadb": "MariaDB", "redis": "Redis", "valkey": "Valkey"}[n.name]
		if name == "Postgres" { // its minor versions are fixes
			version, _, _ = strings.Cut(version, ".")
		}
		names(name, version)
	}
}

// minor is the first two numbers of a version.
func minor(version string) string {
	return strings.Join(regexp.MustCompile(`[0-9]+`).FindAllString(version, 2), ".")
}
