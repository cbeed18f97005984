-- The identity of the ledger, made at first use. KEYS: 1 its hash. ARGV: 1 version, 2 a fresh identity.
local version = redis.call('HGET', KEYS[1], 'version')
if version then return {version, redis.call('HGET', KEYS[1], 'id') or ''} end
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'id', ARGV[2])
return {ARGV[1], ARGV[2]}
