// Serializes values as JavaScript producers do: jobs as JSON on stdin, what they became on stdout. See serializers.go.
// The package's index loads key management of three clouds, so its parts are loaded one by one.
const part = (name) => require('@confluentinc/schemaregistry/dist/' + name);
const bufbuild = require('@bufbuild/protobuf');
const wkt = require('@bufbuild/protobuf/wkt');
const { SchemaRegistryClient } = part('schemaregistry-client');
const { MockClient } = part('mock-schemaregistry-client');
const { AvroSerializer } = part('serde/avro');
const { JsonSerializer } = part('serde/json');
const { ProtobufSerializer } = part('serde/protobuf');
const { SerdeType, HeaderSchemaIdSerializer, PrefixSchemaIdSerializer } = part('serde/serde');

// What JSON has no type for, as {"$bigint": "9007199254740993"}.
const special = { $bytes: (s) => Buffer.from(s, 'base64'), $bigint: BigInt, $float: Number };

function revive(_, value) {
  if (value && typeof value === 'object' && Object.keys(value).length === 1) {
    const [name] = Object.keys(value);
    if (special[name]) return special[name](value[name]);
  }
  return value;
}

async function serialize(job, client) {
  const kind = job.key ? SerdeType.KEY : SerdeType.VALUE;
  const config = { schemaIdSerializer: job.header ? HeaderSchemaIdSerializer : PrefixSchemaIdSerializer };
  const headers = {};
  let serializer, value = JSON.parse(JSON.stringify(job.value), revive);
  if (job.type === 'PROTOBUF') {
    const files = bufbuild.createFileRegistry(bufbuild.fromBinary(wkt.FileDescriptorSetSchema, Buffer.from(job.files, 'base64')));
    const registry = bufbuild.createMutableRegistry(...files);
    serializer = new ProtobufSerializer(client, kind, { ...config, registry, autoRegisterSchemas: true });
    value = bufbuild.fromJson(files.getMessage(job.message), job.value, { registry });
  } else {
    const subject = job.topic + (job.key ? '-key' : '-value');
    const schema = { schema: job.schema, schemaType: job.type, references: job.references || [] };
    const useSchemaId = await client.register(subject, schema);
    serializer = new (job.type === 'AVRO' ? AvroSerializer : JsonSerializer)(client, kind, { ...config, useSchemaId });
  }
  const bytes = await serializer.serialize(job.topic, value, headers);
  return {
    bytes: bytes === null ? null : Buffer.from(bytes).toString('base64'),
    headers: Object.entries(headers).map(([key, value]) => ({ key, value: Buffer.from(value).toString('base64') })),
  };
}

async function main(url) {
  const client = new SchemaRegistryClient({ baseURLs: [url] }), mock = new MockClient();
  let text = '';
  for await (const chunk of process.stdin) text += chunk;
  const results = [];
  for (const job of JSON.parse(text)) {
    try {
      results.push(await serialize(job, job.mock ? mock : client));
    } catch (e) {
      results.push({ error: String(e) });
    }
  }
  process.stdout.write(JSON.stringify(results), () => process.exit(0));
}

main(process.argv[2]);
