/**
 * The queue of the streams mode: a stream for each context, a consumer group for each workgroup. Attempt and holder of a task are what the group's list of pending entries
 * says; an entry that was given back belongs to the consumer `-` until it is taken again.
 */
export const streamsQueue = `
local function stream(ctx)
  return base .. '/tasks/' .. ctx
end

local function queue_open(ctx, group, from)
  local reply = redis.pcall('XGROUP', 'CREATE', stream(ctx), group, from, 'MKSTREAM')
  if type(reply) == 'table' and reply.err and not string.find(reply.err, 'BUSYGROUP', 1, true) then
    call('XGROUP', 'CREATE', stream(ctx), group, from, 'MKSTREAM')
  end
end

-- The highest id that was ever there.
local function queue_newest(ctx)
  local info = redis.pcall('XINFO', 'STREAM', stream(ctx))
  for index = 1, info.err and 0 or #info, 2 do
    if info[index] == 'last-generated-id' then return tonumber(match(info[index + 1], '^%d+')) end
  end
  return 0
end

-- The whole id of an entry, so that nobody has to put it together again.
local function queue_id(number)
  return text(number) .. '-0'
end

-- Returns the id under which it stands: behind one that somebody foreign has added under a higher one.
local function queue_add(ctx, id, entry)
  local reply = redis.pcall('XADD', stream(ctx), id, 'm', entry)
  if type(reply) ~= 'table' or not reply.err then return id end
  if string.find(reply.err, 'equal or smaller', 1, true) then
    local last = math.max(queue_newest(ctx), tonumber(call('GET', base .. '/last'))) + 1
    call('SET', base .. '/last', text(last))
    id = queue_id(last)
  end
  call('XADD', stream(ctx), id, 'm', entry)
  return id
end

local function queue_size(ctx)
  return call('XLEN', stream(ctx))
end

local function queue_delete(ctx, ids)
  each_chunk({ 'XDEL', stream(ctx) }, ids)
end

local function queue_ack(ctx, group, ids)
  each_chunk({ 'XACK', stream(ctx), group }, ids)
end

local function pending(ctx, group, ...)
  local rows = redis.pcall('XPENDING', stream(ctx), group, ...)
  -- No such stream or group: then nothing is held.
  if rows.err then return {} end
  return rows
end

-- Of two ids with the same ending.
local function is_before(id, other)
  if #id ~= #other then return #id < #other end
  return id < other
end

-- What a consumer holds of these: how often each was delivered, where its lease is not over.
local function queue_fences(ctx, group, consumer, lease, ids)
  local held = {}
  local low, high = ids[1], ids[1]
  if not low then return held end
  for index = 2, #ids do
    local id = ids[index]
    if is_before(id, low) then low = id elseif is_before(high, id) then high = id end
  end
  local limit = 2 * #ids + 16
  local rows = pending(ctx, group, low, high, limit, consumer)
  for index = 1, #rows do
    local row = rows[index]
    if row[3] < lease then held[row[1]] = row[4] end
  end
  if #rows < limit then return held end
  for index = 1, #ids do
    local id = ids[index]
    if not held[id] then
      local row = pending(ctx, group, id, id, 1, consumer)[1]
      if row and row[3] < lease then held[id] = row[4] end
    end
  end
  return held
end

-- Who holds it, and how often it was delivered; nothing where the workgroup never had it or is done with it.
local function queue_holder(ctx, group, id)
  local row = pending(ctx, group, id, id, 1)[1]
  if row then return row[2], row[4] end
end

local function entry_of(found)
  local fields = found and found[2]
  if fields and fields[1] == 'm' and #fields == 2 then return fields[2] end
end

local function queue_entry(ctx, id)
  return entry_of(call('XRANGE', stream(ctx), id, id)[1])
end

local function read_new(ctx, group, consumer, want)
  return redis.pcall('XREADGROUP', 'GROUP', group, consumer, 'COUNT', want, 'STREAMS', stream(ctx), '>')
end

local function queue_take(ctx, group, consumer, want)
  local reply = read_new(ctx, group, consumer, want)
  if reply and reply.err then
    -- The stream or its group was removed by someone: what is there now is for everyone.
    if not string.find(reply.err, 'NOGROUP', 1, true) then return call('XLEN', stream(ctx)) end
    queue_open(ctx, group, '0')
    call('HSET', base .. '/groups/' .. ctx, group, text(now))
    call('HSET', base .. '/contexts', ctx, text(now))
    reply = read_new(ctx, group, consumer, want)
  end
  local ids, entries, thrown = {}, {}, 0
  for _, found in ipairs(reply and reply[1] and reply[1][2] or {}) do
    local entry = entry_of(found)
    if entry then
      ids[#ids + 1] = found[1]
      entries[#entries + 1] = entry
    else
      call('XACK', stream(ctx), group, found[1])
      call('XDEL', stream(ctx), found[1])
      thrown = thrown + 1
    end
  end
  return ids, entries, thrown
end

-- Takes what was given back; XCLAIM counts the delivery.
local function queue_retake(ctx, group, consumer, id)
  local found = call('XCLAIM', stream(ctx), group, consumer, 0, id)[1]
  local entry = entry_of(found)
  if not entry then
    call('XACK', stream(ctx), group, id)
    return
  end
  local _, count = queue_holder(ctx, group, id)
  return count, entry
end

local function queue_return(ctx, group, id)
  call('XCLAIM', stream(ctx), group, '-', 0, id, 'JUSTID')
end

local function queue_renew(ctx, group, consumer, ids)
  for _, id in ipairs(ids) do call('XCLAIM', stream(ctx), group, consumer, 0, id, 'JUSTID') end
end

local function queue_held(ctx, group, consumer)
  local ids = {}
  for index, row in ipairs(pending(ctx, group, '-', '+', 1000000, consumer)) do ids[index] = row[1] end
  return ids
end

-- Whose lease is over: leases differ, so each row is measured by the lease in its consumer's name, which XAUTOCLAIM cannot.
local function queue_overdue(ctx, group, least)
  local overdue, from, size = {}, '-', 100
  while true do
    local rows = pending(ctx, group, 'IDLE', text(least), from, '+', size)
    for _, row in ipairs(rows) do
      local lease = tonumber(match(row[2], ':(%d+)$'))
      if lease and row[3] >= lease then overdue[#overdue + 1] = { id = row[1], count = row[4] } end
    end
    if #rows < size or #overdue >= 1000 then return overdue end
    from = '(' .. rows[#rows][1]
  end
end

-- Entries and what waits of them are one key: nothing to compare.
local function queue_recover()
  return 0, 0
end

local function queue_page(ctx, from, limit)
  local rows = {}
  local found = call('XRANGE', stream(ctx), from, '+', 'COUNT', limit)
  for index, each in ipairs(found) do rows[index] = { id = each[1], entry = entry_of(each) or '' } end
  return rows, #found == limit and found[limit][1] or nil
end

-- A consumer that holds nothing more; one that does would take it along.
local function queue_dismiss(ctx, group, consumer)
  if #pending(ctx, group, '-', '+', 1, consumer) == 0 then
    redis.pcall('XGROUP', 'DELCONSUMER', stream(ctx), group, consumer)
  end
end

local function queue_dismiss_idle(ctx, group, idle)
  local consumers = redis.pcall('XINFO', 'CONSUMERS', stream(ctx), group)
  if consumers.err then return end
  for _, fields in ipairs(consumers) do
    local info = {}
    for index = 1, #fields, 2 do info[fields[index]] = fields[index + 1] end
    if info.name ~= '-' and info.pending == 0 and info.idle > idle then queue_dismiss(ctx, group, info.name) end
  end
end

local function queue_close(ctx, group)
  redis.pcall('XGROUP', 'DESTROY', stream(ctx), group)
end

local function queue_remove(ctx)
  call('DEL', stream(ctx))
end
`
