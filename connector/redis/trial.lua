-- Whether the user may do what a commit does, and the keys have its types. Nothing is written.
-- KEYS  1 positions, 2 head, 3 moves, 4.. keys of the effects
-- ARGV  1 key of the identity, '' if the ledger is elsewhere; 2.. operations, one a key
if not redis.acl_check_cmd then return {'old'} end
local may = redis.acl_check_cmd
local kinds = {HINCRBY = 'hash', HSET = 'hash', SET = 'string', SADD = 'set', ZADD = 'zset', ZINCRBY = 'zset', XADD = 'stream', HDEL = 'hash', SREM = 'set', ZREM = 'zset'}
local samples = {HINCRBY = {'f', '1'}, HSET = {'f', 'v'}, SET = {'v'}, SADD = {'m'}, ZADD = {'1', 'm'}, ZINCRBY = {'1', 'm'}, XADD = {'*', 'f', 'v'},
  DEL = {}, HDEL = {'f'}, SREM = {'m'}, ZREM = {'m'}}
if ARGV[1] ~= '' then
  for _, key in ipairs({KEYS[1], KEYS[2], ARGV[1]}) do
    if not may('HSET', key, 'f', 'v') then return {'denied', 'HSET', key} end
    if not may('HGETALL', key) then return {'denied', 'HGETALL', key} end
  end
  for _, c in ipairs({{'RPUSH', 'v'}, {'LRANGE', '0', '1'}}) do
    if not may(c[1], KEYS[3], c[2], c[3] or 'v') then return {'denied', c[1], KEYS[3]} end
  end
end
if not may('TIME') then return {'denied', 'TIME', ''} end
for i = 4, #KEYS do
  local op, key = ARGV[i - 2], KEYS[i]
  if not may(op, key, unpack(samples[op])) then return {'denied', op, key} end
  local is = redis.call('TYPE', key).ok
  if kinds[op] and is ~= 'none' and is ~= kinds[op] then return {'kind', op, key, is} end
end
return {'ok'}
