/**
 * What every script begins with. `KEYS[1]` is what all keys of a job/task begin with and never a key itself: the names of the others follow from what the server
 * holds, and the hash tag in it keeps them in one slot. `ARGV[1]` are the settings, `ARGV[2]` is the input: packed, since one argument costs less than thousands.
 */
export const prelude = `
local base, input = KEYS[1], ARGV[2]
local call, concat, sub, match, gmatch = redis.call, table.concat, string.sub, string.match, string.gmatch
local pack, unpack_bytes, floor = struct.pack, struct.unpack, math.floor
local time = call('TIME')
local now = time[1] * 1000 + floor(time[2] / 1000)
-- As scores of what is to be taken in turn.
local moment = string.format('%.3f', time[1] * 1000 + time[2] / 1000)
local is_cluster, result_ttl, group_ttl, max_queued, max_dead, max_callers, stale, lane, channels =
  unpack_bytes('>BI6I6I6I6I6I6I2c0I2c0', ARGV[1])

local function text(number)
  return string.format('%.0f', number)
end

-- Lengths as bytes: the same ones come again and again, and each text that is made costs a look at its bytes.
local sizes_of_two, sizes_of_four = {}, {}

local function size2(length)
  local bytes = sizes_of_two[length]
  if not bytes then
    bytes = pack('>I2', length)
    sizes_of_two[length] = bytes
  end
  return bytes
end

local function size4(length)
  local bytes = sizes_of_four[length]
  if not bytes then
    bytes = pack('>I4', length)
    sizes_of_four[length] = bytes
  end
  return bytes
end

-- Runs a command with many members, so many at a time as Lua can pass.
local function each_chunk(head, members)
  local size, count = 1000, #head
  for from = 1, #members, size do
    local words = {}
    for index = 1, count do words[index] = head[index] end
    local to = math.min(from + size - 1, #members)
    for index = from, to do words[count + index - from + 1] = members[index] end
    call(unpack(words))
  end
end
`
