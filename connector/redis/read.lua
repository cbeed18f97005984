-- A group's whole content as of one moment. KEYS: 1 positions, 2 head.
return {redis.call('HGETALL', KEYS[2]), redis.call('HGETALL', KEYS[1])}
