import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorSet;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.util.JsonFormat;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.message.BinaryMessageEncoder;
import org.apache.avro.generic.GenericData;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.Serializer;

/** Serializes values as Java producers do: jobs as JSON on stdin, what they became on stdout. See serializers.go. */
public class Serialize {
    static final ObjectMapper json = new ObjectMapper();

    public static void main(String[] args) throws Exception {
        ArrayNode results = json.createArrayNode();
        for (JsonNode job : json.readTree(System.in)) {
            ObjectNode result = results.addObject();
            try {
                Headers headers = new RecordHeaders();
                byte[] bytes = serialize(args[0], job, headers);
                result.put("bytes", bytes);
                ArrayNode list = result.putArray("headers");
                for (Header h : headers) list.addObject().put("key", h.key()).put("value", h.value());
            } catch (Throwable e) {
                result.removeAll();
                result.put("error", e.toString() + (e.getCause() == null ? "" : ": " + e.getCause()));
            }
        }
        System.out.print(json.writeValueAsString(results));
        System.out.flush();
        System.exit(0);
    }

    static byte[] serialize(String url, JsonNode job, Headers headers) throws Exception {
        Map<String, Object> config = new HashMap<>();
        config.put("apicurio.registry.url", url);
        config.put("apicurio.registry.auto-register", "true");
        job.path("config").fields().forEachRemaining(e -> config.put(e.getKey(), e.getValue().asText()));
        boolean key = job.path("key").asBoolean();
        String topic = job.get("topic").asText();
        switch (job.get("type").asText()) {
            case "AVRO": {
                Schema schema = new Schema.Parser().parse(job.get("schema").asText());
                Object value = new GenericDatumReader<Object>(schema)
                        .read(null, DecoderFactory.get().jsonDecoder(schema, job.get("value").toString()));
                if (config.containsKey("single_object")) {
                    java.nio.ByteBuffer b = new BinaryMessageEncoder<Object>(GenericData.get(), schema).encode(value);
                    byte[] bytes = new byte[b.remaining()];
                    b.get(bytes);
                    return bytes;
                }
                return run(new io.apicurio.registry.serde.avro.AvroKafkaSerializer<Object>(), config, key, topic, headers, value);
            }
            case "PROTOBUF": {
                Map<String, FileDescriptor> files = new HashMap<>();
                FileDescriptor[] last = new FileDescriptor[1];
                for (FileDescriptorProto p : FileDescriptorSet.parseFrom(Base64.getDecoder().decode(job.get("files").asText())).getFileList()) {
                    FileDescriptor[] needs = p.getDependencyList().stream().map(files::get).toArray(FileDescriptor[]::new);
                    last[0] = FileDescriptor.buildFrom(p, needs);
                    files.put(p.getName(), last[0]);
                }
                String name = job.get("message").asText();
                DynamicMessage.Builder message = null;
                for (FileDescriptor f : files.values()) {
                    String inside = f.getPackage().isEmpty() ? name : name.startsWith(f.getPackage() + ".") ? name.substring(f.getPackage().length() + 1) : "";
                    com.google.protobuf.Descriptors.Descriptor d = null;
                    for (String part : inside.split("\\.")) d = d == null ? f.findMessageTypeByName(part) : d.findNestedTypeByName(part);
                    if (d != null) message = DynamicMessage.newBuilder(d);
                }
                JsonFormat.parser().merge(job.get("value").toString(), message);
                return run(new io.apicurio.registry.serde.protobuf.ProtobufKafkaSerializer<DynamicMessage>(), config, key, topic, headers, message.build());
            }
        }
        throw new IllegalArgumentException("no serializer of " + job.get("type"));
    }

    static <T> byte[] run(Serializer<T> serializer, Map<String, Object> config, boolean key, String topic, Headers headers, T value) {
        serializer.configure(config, key);
        return serializer.serialize(topic, headers, value);
    }
}
