/**
 * Sends a batch. Input: instance, count, and for each task flags (1 waits for workers, 2 repeats a send whose answer was lost, 4 has a deadline), tid, context,
 * workgroup, what is left to its deadline, delay, ttl, frame. Reply: one byte a task (0 accepted, 1 joined, 3 no workers, 4 full, 5 too many callers),
 * then, for those that are over, number and completion.
 */
export const send = `
local from, count, at = unpack_bytes('>I2c0I4', input)
local first = reserve_ids(count)
local codes, stored, due, expiring, sizes, kept_later = {}, {}, {}, {}, {}, nil

-- What an entry ends with: when its task does.
local ends_known = {}
local function until_bytes(ends)
  local bytes = ends_known[ends]
  if not bytes then
    bytes = pack('>I6', ends)
    ends_known[ends] = bytes
  end
  return bytes
end

local function is_full(ctx)
  if not sizes[ctx] then
    kept_later = kept_later or call('ZCARD', base .. '/delayed')
    sizes[ctx] = queue_size(ctx) + kept_later
  end
  return sizes[ctx] >= max_queued
end

local function join(index, tid, record, is_repeat)
  if not follow(tid, record, from) then return 5 end
  if record.state == 'D' then stored[#stored + 1] = pack('>I4I4', index - 1, #record.rest) .. record.rest end
  if is_repeat and match(record.callers, '^[^\\n]*') == from then return 0 end
  return 1
end

local function hold(index, tid, ctx, named, delay, entry)
  local groups = groups_for(ctx, named)
  local is_delayed = delay > 0
  local id = is_delayed and '' or queue_id(first + index)
  local bytes = live_record(id, ctx, named, is_delayed and '' or groups.joined, from)
  if not call('SET', task_key(tid), bytes, 'NX') then return false end
  if is_delayed then
    call('HSET', base .. '/later', tid, entry)
    call('ZADD', base .. '/delayed', text(now + delay + 1), tid)
  else
    local real = add_entry(ctx, id, entry)
    if real ~= id then
      call('SET', task_key(tid), live_record(real, ctx, named, groups.joined, from))
    end
  end
  if sizes[ctx] then sizes[ctx] = sizes[ctx] + 1 end
  return true
end

for index = 1, count do
  local flags, tid, ctx, named, left, delay, ttl, frame
  flags, tid, ctx, named, left, delay, ttl, frame, at = unpack_bytes('>BI2c0I2c0I2c0I6I6I6I4c0', input, at)
  local waits, is_repeat, is_mortal = flags % 2 == 1, floor(flags / 2) % 2 == 1, flags >= 4
  local ends = is_mortal and now + left + 1 or 0
  local refusal = not waits and not is_staffed(named, ctx) and 3 or is_full(ctx) and 4 or nil
  if refusal then
    local record = find_record(tid)
    codes[index] = record and join(index, tid, record, is_repeat) or refusal
  elseif hold(index, tid, ctx, named, delay, frame .. until_bytes(ends)) then
    codes[index] = 0
    if is_mortal then
      due[#due + 1] = ends
      due[#due + 1] = tid
    end
    if ttl > 0 then
      expiring[#expiring + 1] = now + delay + ttl + 1
      expiring[#expiring + 1] = tid
    end
  else
    codes[index] = join(index, tid, find_record(tid), is_repeat)
  end
end
each_chunk({ 'ZADD', base .. '/due' }, due)
each_chunk({ 'ZADD', base .. '/expiring' }, expiring)
ring_added()
for index = 1, count do codes[index] = string.char(codes[index]) end
return concat(codes) .. concat(stored)
`
