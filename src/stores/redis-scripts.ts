/** Strikes, grace and the longest wait are those of `holdBack`. */
const holdBack = `
local function hold_back(bucket, retry)
  local since = (now_us - bucket.told) / 1000
  local early = bucket.wait > 0 and since < bucket.wait
  if early and since < 1000 then
    bucket.wait = math.max(bucket.wait, since + retry)
  else
    bucket.strikes = early and math.min(bucket.strikes + 1, 10) or 0
    bucket.wait = math.max(retry, math.min(retry * 2 ^ bucket.strikes, 3600000))
    bucket.told, since = now_us, 0
  end
  return bucket.wait - since
end`

/** Thirty thousand years. Lua writes longer times with an exponent, which the server takes for no number. */
const maxExpiryMs = 1e15

/**
 * A bucket is what it lacks to be full, in milliseconds, and when that was so, in microseconds; then the hint of `holdBack`.
 * Where the clock was set back since, or is that of another server now, no time has passed.
 */
const buckets = `
local kept, buckets = redis.call('MGET', unpack(KEYS)), {}
for i, key in ipairs(KEYS) do
  if not buckets[key] then
    local bucket = { owed = 0, told = 0, wait = 0, strikes = 0 }
    if kept[i] then
      local at
      at, bucket.owed, bucket.told, bucket.wait, bucket.strikes = struct.unpack('<ddddB', kept[i])
      local set_back = math.max(0, at - now_us)
      bucket.told = bucket.told - set_back
      bucket.owed = math.max(0, bucket.owed - (now_us - at + set_back) / 1000)
    end
    buckets[key] = bucket
  end
end
local function keep()
  for key, bucket in pairs(buckets) do
    if bucket.changed and bucket.owed > 0 then
      local value = struct.pack('<ddddB', now_us, bucket.owed, bucket.told, bucket.wait, bucket.strikes)
      redis.call('SET', key, value, 'PX', math.min(math.ceil(bucket.owed), ${maxExpiryMs}))
    elseif bucket.changed then
      redis.call('DEL', key)
    end
  end
end`

/** That of `draw`. */
const tolerance = `
local function tolerance_of(token, capacity)
  return math.min(math.max(0.001, capacity * 1e-9), token / 2)
end`

const serverTime = `redis.call('TIME')`

/** @param clock Lua for a pair of seconds and microseconds */
const now = (clock: string): string => `
local time = ${clock}
local now_us = time[1] * 1000000 + time[2]`

/**
 * Decides takes one after the other, each all or nothing, by the clock of the server: `draw` in Lua, number for number.
 *
 * `KEYS` are the buckets of all draws in order. `ARGV[1]` are `tokenMs` and `capacityMs` of each limit; `ARGV[2]` are the
 * takes: how many draws, and for each the index of its limit, its cost, and the most it takes when there is more (a lease).
 * Answers one octet a take, 1 when allowed, and two doubles a draw: what the bucket lacked before, and the back-off.
 *
 * @param clock only tests give one
 */
export function takeScript(clock = serverTime): string {
  return `${now(clock)}${buckets}${holdBack}${tolerance}
local limits, takes = cjson.decode(ARGV[1]), cjson.decode(ARGV[2])
local answer, at, key = {}, 1, 0
while at <= #takes do
  local draws, allowed = takes[at], true
  for i = 0, draws - 1 do
    local limit, cost = takes[at + 1 + 3 * i], takes[at + 2 + 3 * i]
    local token, capacity = limits[2 * limit + 1], limits[2 * limit + 2]
    local over = buckets[KEYS[key + 1 + i]].owed + token * math.max(1, cost) - capacity
    if over > tolerance_of(token, capacity) then allowed = false end
  end
  answer[#answer + 1] = allowed and '\\1' or '\\0'
  for i = 0, draws - 1 do
    local limit, cost, most = takes[at + 1 + 3 * i], takes[at + 2 + 3 * i], takes[at + 3 + 3 * i]
    local token, capacity = limits[2 * limit + 1], limits[2 * limit + 2]
    local bucket = buckets[KEYS[key + 1 + i]]
    local owed, tolerance, back_off = bucket.owed, tolerance_of(token, capacity), 0
    if allowed then
      if most > cost then cost = math.max(cost, math.min(most, math.floor((capacity - owed + tolerance) / token))) end
      bucket.owed = owed + token * cost
      bucket.changed = bucket.changed or cost > 0
    else
      local over = owed + token * math.max(1, cost) - capacity
      if over > tolerance then
        back_off = hold_back(bucket, over)
        bucket.changed = true
      end
    end
    answer[#answer + 1] = struct.pack('<dd', owed, back_off)
  end
  at = at + 1 + 3 * draws
  key = key + draws
end
keep()
return table.concat(answer)`
}

/** Gives tokens back: `ARGV` are their milliseconds, one for each of `KEYS`. A bucket is never more than full. */
export const giveBackScript = `${now(serverTime)}${buckets}
for i, key in ipairs(KEYS) do
  local bucket = buckets[key]
  bucket.owed = math.max(0, bucket.owed - tonumber(ARGV[i]))
  bucket.changed = true
end
keep()
return 0`

/** A sign of life of the gateway `ARGV[1]`. Answers how many gave one within `ARGV[2]` milliseconds. */
export const heartbeatScript = `${now(serverTime)}
local now_ms, last = math.floor(now_us / 1000), tonumber(ARGV[2])
redis.call('ZADD', KEYS[1], now_ms, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now_ms - last)
redis.call('PEXPIRE', KEYS[1], 2 * last)
return redis.call('ZCARD', KEYS[1])`
