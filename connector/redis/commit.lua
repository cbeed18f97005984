-- Compare everything, check everything, write last: a script has no way back. What can fail is tried before the first
-- write, and the ledger is written behind the effects, in the same script.
--
-- Without moves and effects nothing is written: check runs it so.
--
-- KEYS  1 positions, 2 head, 3 moves, 4.. keys of the effects; for effects alone only those
-- ARGV  1 version, 2 candidate of the identity or '', 3 group, 4 cluster or '', 5 who, 6 moves, 7 roster entries,
--       8 the record of every move: '+' merged, '' none, '*' each its own; or 'apply': effects alone, no ledger,
--       9 how every value ends, time and who, if all are held as the writer remembers them; or '',
--       10 a list in MessagePack:
--       fields, expected forms, new values and, for '*', records of the moves, a block each,
--       then topic, expected and new entry of each roster entry,
--       then the effects: operation, index of its key, how many arguments, the arguments. HTAKE is HDEL of fields that
--       must all be there
local call, keys = redis.call, KEYS
local sub, find, match, fmt = string.sub, string.find, string.match, string.format
local CHUNK = 4000 -- unpack takes no more than about 8,000 values

if not redis.acl_check_cmd then return {'old'} end
local version, identity, group, cluster, who = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local n, entries, all = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]
local prior, argv = ARGV[9], cmsgpack.unpack(ARGV[10])
local expected, values, records = n, 2 * n, 3 * n
local roster = all == '*' and 4 * n or 3 * n
local effects = roster + 3 * entries + 1

local ledger = all ~= 'apply'
local head = ledger and call('HMGET', keys[2], 'version', 'id', 'group', 'cluster') or {}
if head[1] and (tonumber(head[1]) or math.huge) > tonumber(version) then return {'newer', head[1]} end
if head[3] and head[3] ~= group then return {'group', head[3]} end
if cluster ~= '' and head[4] and head[4] ~= cluster then return {'cluster', head[4]} end
if ledger and not head[2] and identity == '' then return {'identity'} end

-- The compare of all positions, as strings: a Lua number is a double, to which 2^53+1 is 2^53.
local function agrees(v, e)
  if e == '' then return not v end
  if not v then return false end
  if sub(e, 1, 1) == '|' then
    local at = find(v, '|', 1, true)
    return at and sub(v, at, at + #e - 1) == e
  end
  local until_ = match(v, '^%s*%d+%s*|%s*0*(%d+)%s*$') -- another program's: from|until
  return until_ == sub(e, 2)
end

local held = {}
for i = 1, n, CHUNK do
  local some = call('HMGET', keys[1], unpack(argv, i, math.min(i + CHUNK - 1, n)))
  if n <= CHUNK then
    held = some
  else
    for j = 1, #some do held[i + j - 1] = some[j] end
  end
end

-- What the ledger is going to hold, and the moves to record. Where a value is held as the writer remembers it, the new one
-- is complete but for its end; any other is taken apart, and its value is returned. Redis's Lua hashes every byte of every
-- text, so the least text is made.
local t = call('TIME')
local now = t[1] .. fmt('%06d', t[2])
local seal = now .. '|' .. who
local refused, positions, log, told = {'refused'}, {}, {}, {'ok', now}
local RUN = '^[^|]*|[^|]*|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)' -- behind epoch and topic ID

local function apart(i, v, e)
  local new, record = argv[values + i], all
  if all == '*' then record = argv[records + i] end
  if sub(new, -1) == '|' then -- it was believed to be another one
    e, new = match(e, '(|%d+|%x+|)'), match(new, '^([^|]*|[^|]*|[^|]*|[^|]*|[^|]*)')
  end
  if not agrees(v, e) then
    refused[#refused + 1] = tostring(i)
    refused[#refused + 1] = v and ('=' .. v) or ''
    return ''
  end
  local tail = v and sub(e, 1, 1) == '|' and sub(v, find(v, '|', 1, true) + #e) or ''
  if record == '+' then -- merged: the position's value carries its open run
    local from, was, commits = match(tail, RUN)
    if not from then from, was, commits = match(new, '^%d+'), match(tail, '^%-?%d+') or '-1', '0' end
    new = new .. '|' .. from .. '|' .. was .. '|' .. fmt('%.0f', tonumber(commits) + 1) .. '|' .. seal
    told[#told + 1] = tostring(i)
    told[#told + 1] = new
    return new
  end
  local from, was, commits, ended, by = match(tail, RUN)
  if from then
    local epoch, id = match(tail, '^([^|]*)|([^|]*)')
    local fence = match(e, '^|%d+|(%x+)|')
    log[#log + 1] = table.concat({ended, 'commit', argv[i], from, fence, was, id, match(e, '^|(%d+)'), fence, epoch, id,
      '0', '0', commits, by, ''}, '|')
  end
  if record ~= '' then log[#log + 1] = now .. '|' .. record end
  return new
end

if prior ~= '' then
  local last = -#prior
  for i = 1, n do
    local v, e = held[i], argv[expected + i]
    positions[2 * i - 1] = argv[i]
    if v and find(v, prior, last, true) and find(v, e, 1, true) == find(v, '|', 1, true) then
      positions[2 * i] = argv[values + i] .. seal
    else
      positions[2 * i] = apart(i, v, e)
    end
  end
else
  for i = 1, n do
    local v, e = held[i], argv[expected + i]
    positions[2 * i - 1] = argv[i]
    if v == e and e ~= '' then -- whole, with a run
      positions[2 * i] = argv[values + i] .. seal
    else
      positions[2 * i] = apart(i, v, e)
    end
  end
end
if #refused > 1 then return refused end
for i = roster + 1, roster + 3 * entries, 3 do
  if (call('HGET', keys[2], 'roster:' .. argv[i]) or '') ~= argv[i + 1] then return {'roster'} end
end

local header = {}
local function put(field, value) header[#header + 1], header[#header + 2] = field, value end
if ledger and n > 0 then
  if not head[1] then put('version', version) end
  if not head[2] then put('id', identity) end
  if not head[3] then put('group', group) end
  if cluster ~= '' and not head[4] then put('cluster', cluster) end
end
for i = roster + 1, roster + 3 * entries, 3 do put('roster:' .. argv[i], argv[i + 2]) end

-- One HSET has nothing to leave behind by halves: it is its own check.
if ledger and n > 0 and effects > #argv and #log == 0 and #header == 0 and 2 * n <= CHUNK then
  call('HSET', keys[1], unpack(positions, 1, 2 * n))
  return told
end

-- The checks of all else.
local may = redis.acl_check_cmd
if ledger then
  for i, c in ipairs({'HSET', 'HSET', 'RPUSH'}) do
    if not may(c, keys[i], 'f', 'v') then return {'denied', c, keys[i]} end
  end
  local kind = call('TYPE', keys[3]).ok
  if kind ~= 'none' and kind ~= 'list' then return {'wrongtype', keys[3], kind} end
end
local kinds = {HINCRBY = 'hash', HSET = 'hash', SET = 'string', SADD = 'set', ZADD = 'zset', ZINCRBY = 'zset', XADD = 'stream', HDEL = 'hash', SREM = 'set', ZREM = 'zset', HTAKE = 'hash'}
local samples = {HINCRBY = {'f', '1'}, HSET = {'f', 'v'}, SET = {'v'}, SADD = {'m'}, ZADD = {'1', 'm'}, ZINCRBY = {'1', 'm'}, XADD = {'*', 'f', 'v'},
  DEL = {}, HDEL = {'f'}, SREM = {'m'}, ZREM = {'m'}, HTAKE = {'f'}}
local named = {HTAKE = 'HDEL'} -- the command of an operation, where its name is no command
local removal = {DEL = true, HDEL = true, SREM = true, ZREM = true}
local checked, plans, gone, adds, removes = {}, {}, {}, false, false

-- A whole number of up to 19 digits in two parts, each of which a double holds exactly; nil for any other text.
local function parts(s)
  local sign, digits = match(s, '^(%-?)([1-9]%d*)$')
  if s == '0' then return 0, 0 end
  if not digits or #digits > 19 then return nil end
  local by = sign == '-' and -1 or 1
  return by * (tonumber(sub(digits, 1, -10)) or 0), by * tonumber(sub(digits, -9))
end

-- Whether parts make a number of 64 bits.
local function fits(high, low)
  local over = low >= 0 and math.floor(low / 1e9) or math.ceil(low / 1e9)
  high, low = high + over, low - over * 1e9
  if high > 0 and low < 0 then high, low = high - 1, low + 1e9 end
  if high < 0 and low > 0 then high, low = high + 1, low - 1e9 end
  if high ~= 9223372036 and high ~= -9223372036 then return high < 9223372036 and high > -9223372036 end
  return low <= 854775807 and low >= -854775808
end

-- Whether HINCRBY takes every field of a group: it can fail at a field that is no number, and at a sum that does not fit.
local function countable(key, from, m)
  for i = from, from + m - 1, CHUNK do
    local last = math.min(i + CHUNK - 1, from + m - 1)
    local old = call('HMGET', key, unpack(argv, i, last))
    for j = i, last do
      local was, by = old[j - i + 1] or '0', argv[j + m]
      if #was > 15 or #by > 15 or not match(was, '^%-?[1-9]%d*$') and was ~= '0' then
        local high, low = parts(was)
        if not high or not fits(high, low) then return {'number', key, argv[j], was} end
        local more, less = parts(by)
        if not fits(high + more, low + less) then return {'overflow', key, argv[j]} end
      end
    end
  end
end

local i = effects
while i <= #argv do
  local op, key, m = argv[i], keys[tonumber(argv[i + 1])], tonumber(argv[i + 2])
  if not checked[op .. key] then
    checked[op .. key] = true
    if not may(named[op] or op, key, unpack(samples[op])) then return {'denied', named[op] or op, key} end
    local is = call('TYPE', key).ok
    if kinds[op] and is ~= 'none' and is ~= kinds[op] then return {'kind', op, key, is} end
    if op == 'XADD' and is == 'stream' then
      local info = call('XINFO', 'STREAM', key)
      for j = 1, #info, 2 do
        if info[j] == 'last-generated-id' and match(info[j + 1], '^18446744073709551615%-') then return {'full', key} end
      end
    end
  end
  if removal[op] then removes = true elseif op ~= 'HTAKE' then adds = true end
  if op == 'DEL' then gone[key] = true end -- before anything else is written
  if op == 'HTAKE' then
    for j = i + 3, i + 2 + m do
      if call('HEXISTS', key, argv[j]) == 0 then return {'gone', argv[j]} end
    end
  end
  if op == 'HINCRBY' and not gone[key] then
    local bad = countable(key, i + 3, m / 2)
    if bad then return bad end
  end
  plans[#plans + 1] = {op, key, argv, i + 3, m}
  i = i + 3 + m
end

-- From here on everything is written.
local wrote = false
local function write(...)
  call(...)
  wrote = true
end
local function spread(command, key, list, from, m) -- in pieces that unpack can take
  for i = from, from + m - 1, CHUNK do
    write(command, key, unpack(list, i, math.min(i + CHUNK - 1, from + m - 1)))
  end
end
local ok, err = pcall(function()
  -- Full memory is an error of the first write alone, and only of one that adds: here one that changes nothing.
  if ledger and adds and removes and held[1] then call('HSET', keys[1], argv[1], held[1]) end
  for _, p in ipairs(plans) do
    local op, key, list, from, m = p[1], p[2], p[3], p[4], p[5]
    if op == 'XADD' then
      write('XADD', key, '*', unpack(list, from, from + m - 1))
    elseif op == 'DEL' then
      write(op, key)
    elseif op == 'HINCRBY' then -- and no HSET of the sum, which ends a field's time to live
      for i = from, from + m / 2 - 1 do write('HINCRBY', key, list[i], list[i + m / 2]) end
    elseif op == 'ZINCRBY' then
      for i = from, from + m - 1, 2 do write('ZINCRBY', key, list[i], list[i + 1]) end
    else
      spread(named[op] or op, key, list, from, m)
    end
  end
  spread('HSET', keys[1], positions, 1, #positions)
  spread('RPUSH', keys[3], log, 1, #log)
  spread('HSET', keys[2], header, 1, #header)
end)
if not ok then
  local text = type(err) == 'table' and err.err or tostring(err)
  if wrote then return {'torn', text} end
  return redis.error_reply(text)
end
return told
