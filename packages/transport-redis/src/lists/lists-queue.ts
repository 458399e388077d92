/**
 * The queue of the lists mode: the tasks of a context in a hash, a list of their ids for each workgroup, a list of what it has in hand for each consumer. Leases are a
 * sorted set by their ends; attempt and holder of a task stand in a hash of its workgroup, where `-` holds what was given back. What ended is taken out of the hash of tasks,
 * and its id is left out when it comes to the end of a list.
 */
export const listsQueue = `
local function entries_key(ctx)
  return base .. '/entries/' .. ctx
end

local function queue_key(ctx, group)
  return base .. '/queue/' .. ctx .. '/' .. group
end

local function held_key(ctx, group, consumer)
  return base .. '/held/' .. ctx .. '/' .. group .. '/' .. consumer
end

local function ends_key(ctx, group)
  return base .. '/ends/' .. ctx .. '/' .. group
end

local function holders_key(ctx, group)
  return base .. '/holders/' .. ctx .. '/' .. group
end

-- Who holds it, and how often it was delivered, from what the hash of holders says.
local function holder_of(value)
  if not value then return nil end
  local count, consumer = match(value, '^(%d+) (.*)$')
  return consumer, tonumber(count)
end

local function lease_end(consumer)
  return text(now + tonumber(match(consumer, ':(%d+)$')))
end

-- A list begins with its first task; what was there before the workgroup is not for it.
local function queue_open()
end

local function queue_id(number)
  return text(number)
end

local function queue_add(ctx, id, entry)
  call('HSET', entries_key(ctx), id, entry)
  for _, group in ipairs(groups_of(ctx).names) do call('LPUSH', queue_key(ctx, group), id) end
  return id
end

local function queue_newest()
  return 0
end

local function queue_size(ctx)
  return call('HLEN', entries_key(ctx))
end

local function queue_delete(ctx, ids)
  each_chunk({ 'HDEL', entries_key(ctx) }, ids)
end

local function queue_holder(ctx, group, id)
  return holder_of(call('HGET', holders_key(ctx, group), id))
end

local function put_down(ctx, group, id, consumer)
  if consumer and consumer ~= '-' then call('LREM', held_key(ctx, group, consumer), 1, id) end
end

local function queue_ack(ctx, group, ids, consumer)
  for _, id in ipairs(ids) do put_down(ctx, group, id, consumer or (queue_holder(ctx, group, id))) end
  each_chunk({ 'HDEL', holders_key(ctx, group) }, ids)
  each_chunk({ 'ZREM', ends_key(ctx, group) }, ids)
end

local function queue_fences(ctx, group, consumer, _, ids)
  local held = {}
  for from = 1, #ids, 1000 do
    local to = math.min(from + 999, #ids)
    local holders = call('HMGET', holders_key(ctx, group), unpack(ids, from, to))
    local ends = call('ZMSCORE', ends_key(ctx, group), unpack(ids, from, to))
    for index = 1, to - from + 1 do
      local holder, count = holder_of(holders[index])
      local ends_at = ends[index]
      if holder == consumer and ends_at and tonumber(ends_at) > now then held[ids[from + index - 1]] = count end
    end
  end
  return held
end

local function queue_entry(ctx, id)
  return call('HGET', entries_key(ctx), id) or nil
end

local function queue_take(ctx, group, consumer, want)
  local ids, entries, thrown = {}, {}, 0
  local from, to, ends = queue_key(ctx, group), held_key(ctx, group, consumer), lease_end(consumer)
  while #ids < want do
    local id = call('LMOVE', from, to, 'RIGHT', 'LEFT')
    if not id then break end
    local entry = call('HGET', entries_key(ctx), id)
    if entry then
      ids[#ids + 1] = id
      entries[#entries + 1] = entry
    else
      -- It ended while it waited, or is none of ours.
      call('LREM', to, 1, id)
      if not match(id, '^%d+$') then thrown = thrown + 1 end
    end
  end
  local scores, holders = {}, {}
  for _, id in ipairs(ids) do
    scores[#scores + 1] = ends
    scores[#scores + 1] = id
    holders[#holders + 1] = id
    holders[#holders + 1] = '1 ' .. consumer
  end
  each_chunk({ 'ZADD', ends_key(ctx, group) }, scores)
  each_chunk({ 'HSET', holders_key(ctx, group) }, holders)
  return ids, entries, thrown
end

local function queue_retake(ctx, group, consumer, id)
  local entry = queue_entry(ctx, id)
  local _, count = queue_holder(ctx, group, id)
  if not entry or not count then
    call('HDEL', holders_key(ctx, group), id)
    return
  end
  call('HSET', holders_key(ctx, group), id, text(count + 1) .. ' ' .. consumer)
  call('LPUSH', held_key(ctx, group, consumer), id)
  call('ZADD', ends_key(ctx, group), lease_end(consumer), id)
  return count + 1, entry
end

local function queue_return(ctx, group, id)
  local consumer, count = queue_holder(ctx, group, id)
  put_down(ctx, group, id, consumer)
  call('ZREM', ends_key(ctx, group), id)
  call('HSET', holders_key(ctx, group), id, text(count or 0) .. ' -')
end

local function queue_renew(ctx, group, consumer, ids)
  local scores, ends = {}, lease_end(consumer)
  for _, id in ipairs(ids) do
    scores[#scores + 1] = ends
    scores[#scores + 1] = id
  end
  each_chunk({ 'ZADD', ends_key(ctx, group), 'XX' }, scores)
end

local function queue_held(ctx, group, consumer)
  return call('LRANGE', held_key(ctx, group, consumer), 0, -1)
end

local function queue_overdue(ctx, group)
  local overdue = {}
  for index, id in ipairs(call('ZRANGEBYSCORE', ends_key(ctx, group), '-inf', text(now), 'LIMIT', 0, 1000)) do
    local _, count = queue_holder(ctx, group, id)
    overdue[index] = { id = id, count = count or 0 }
  end
  return overdue
end

local function queue_page(ctx, from, limit)
  local rows = {}
  local found = call('HSCAN', entries_key(ctx), from == '-' and '0' or from, 'COUNT', limit)
  for index = 1, #found[2], 2 do rows[#rows + 1] = { id = found[2][index], entry = found[2][index + 1] } end
  return rows, found[1] ~= '0' and found[1] or nil
end

-- Ids grow, so one that is shorter is older.
local function is_older(id, other)
  if #id ~= #other then return #id < #other end
  return id < other
end

-- Whether a task still waits for the workgroup, which does not hold it.
local function is_missed(ctx, group, id, entry)
  local is_ours, tid = pcall(unpack_bytes, '>I2c0', entry)
  local record = is_ours and find_record(tid)
  return record and record.id == id and has_line(record.open, group) and call('HEXISTS', holders_key(ctx, group), id) == 0
end

-- Puts back what waited in a list that was dropped: of those who wait, all but the dropped ones are in the list and none is older than its end. Looks at so many tasks
-- at most, and goes on from there the next time. Returns how many came back, and how many were looked at.
local function queue_recover(ctx, group, limit)
  local key, cursors, field = queue_key(ctx, group), base .. '/recovering', ctx .. '/' .. group
  if call('LLEN', key) + call('HLEN', holders_key(ctx, group)) >= call('HLEN', entries_key(ctx)) then
    call('HDEL', cursors, field)
    return 0, 0
  end
  local cursor, oldest = match(call('HGET', cursors, field) or '', '^(%d+) (.*)$')
  if not cursor then cursor, oldest = '-', call('LINDEX', key, -1) or '' end
  local rows, more = queue_page(ctx, cursor, limit)
  local missed = {}
  for _, row in ipairs(rows) do
    local may_miss = oldest == '' or is_older(row.id, oldest)
    if may_miss and is_missed(ctx, group, row.id, row.entry) then missed[#missed + 1] = row.id end
  end
  table.sort(missed, function(one, other) return is_older(other, one) end)
  local count = 0
  for _, id in ipairs(missed) do
    -- A page may show again what the last one has shown.
    if not call('LPOS', key, id, 'RANK', -1, 'MAXLEN', limit + 1000) then
      call('RPUSH', key, id)
      count = count + 1
    end
  end
  if more then call('HSET', cursors, field, more .. ' ' .. oldest) else call('HDEL', cursors, field) end
  return count, #rows
end

-- An empty list is gone by itself.
local function queue_dismiss()
end

local function queue_dismiss_idle()
end

local function queue_close(ctx, group)
  for _, value in ipairs(call('HVALS', holders_key(ctx, group))) do
    local consumer = holder_of(value)
    if consumer and consumer ~= '-' then call('DEL', held_key(ctx, group, consumer)) end
  end
  call('HDEL', base .. '/recovering', ctx .. '/' .. group)
  call('DEL', queue_key(ctx, group), ends_key(ctx, group), holders_key(ctx, group))
end

local function queue_remove(ctx)
  call('DEL', entries_key(ctx))
end
`
