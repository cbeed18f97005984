-- A page of the recorded moves, and the open runs with the last page: a run that ended in between would be in neither.
-- KEYS: 1 positions, 2 head, 3 moves. ARGV: 1 first, 2 how many.
local page = redis.call('LRANGE', KEYS[3], ARGV[1], ARGV[1] + ARGV[2] - 1)
local runs = {}
if #page < tonumber(ARGV[2]) then runs = redis.call('HGETALL', KEYS[1]) end
return {redis.call('HGET', KEYS[2], 'version') or '', page, runs}
