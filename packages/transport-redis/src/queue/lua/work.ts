/**
 * What workers say of the tasks they hold. Input: seats (context, workgroup, consumer, lease, and the ids of which something is said), the tid of each word, then in order kind,
 * flags, seat, which of its ids, attempt, a number, attempts and bytes. Kinds: `F`inish (flag 1 dead letter), `P`rogress, re`N`ew, `R`elease (flag 1 failed; the number is the
 * delay), `X` to throw out. Flag 2 repeats what was said on a connection that was lost. Reply: one byte each, 0 done, 1 lease lost.
 */
export const work = `
local finishing, progressing, renewing, releasing = 70, 80, 78, 82
local seats, seat_count, op_count, at = {}, unpack_bytes('>I2I4', input)
for index = 1, seat_count do
  local ctx, group, consumer, lease, count
  ctx, group, consumer, lease, count, at = unpack_bytes('>I2c0I2c0I2c0I6I4', input, at)
  local ids = {}
  for each = 1, count do ids[each], at = unpack_bytes('>I1c0', input, at) end
  local held = queue_fences(ctx, group, consumer, lease, ids)
  seats[index] = { ctx = ctx, group = group, consumer = consumer, ids = ids, held = held, acks = {}, deleted = {}, renewals = {}, signatures = {} }
end
local tids, keys, values = {}, {}, {}
for index = 1, op_count do
  local tid
  tid, at = unpack_bytes('>I2c0', input, at)
  tids[index] = tid
  keys[index] = task_key(tid)
end
for from = 1, op_count, 1000 do
  local found = call('MGET', unpack(keys, from, math.min(from + 999, op_count)))
  for index = 1, #found do values[from + index - 1] = found[index] end
end

-- Several words of one call may be about one task.
local records = {}

local function record_of(index)
  local tid = tids[index]
  local record = records[tid]
  if record == nil then
    record = read_record(values[index]) or false
    records[tid] = record
  end
  return record or nil
end

local undue, changed = {}, {}

local function signature(seat, attempt)
  local made_before = seat.signatures[attempt]
  if not made_before then
    made_before = seat.group .. '/' .. attempt .. '/' .. seat.consumer
    seat.signatures[attempt] = made_before
  end
  return made_before
end

local function finish(seat, id, tid, key, attempt, flags, bytes, record)
  seat.acks[#seat.acks + 1] = id
  if flags % 2 == 1 then bury(seat.ctx, seat.group, id, tid, bytes) end
  if attempt > 1 then call('HDEL', base .. '/failures', failures_field(seat.ctx, seat.group, id)) end
  announce(seat.ctx, tid, 'complete', bytes)
  if not record then
    if #groups_of(seat.ctx).names < 2 then seat.deleted[#seat.deleted + 1] = id end
    return
  end
  if record.state == 'L' and record.named == seat.group then complete(tid, record, bytes) end
  record.over = with(record.over, signature(seat, attempt))
  if leave_entry(record, seat.group) then
    seat.deleted[#seat.deleted + 1] = id
    undue[#undue + 1] = tid
  end
  changed[key] = record
end

local function release(seat, id, tid, flags, delay, attempts, bytes, record)
  if flags % 2 == 0 then return give_back(seat.ctx, seat.group, id, delay) end
  queue_return(seat.ctx, seat.group, id)
  local failures = call('HINCRBY', base .. '/failures', failures_field(seat.ctx, seat.group, id), 1)
  if failures < attempts then return give_back(seat.ctx, seat.group, id, delay) end
  exhaust(seat.ctx, seat.group, id, tid, record, bytes)
end

-- The first answer was lost on its way: what was done then is not undone by asking again.
local function was_done(seat, kind, flags, id, attempt, record)
  if flags < 2 then return false end
  if kind == finishing then return record and has_line(record.over, signature(seat, attempt)) end
  if kind ~= releasing then return false end
  local consumer, count = queue_holder(seat.ctx, seat.group, id)
  return consumer == '-' and count == attempt
end

local codes = {}
for index = 1, op_count do
  local kind, flags, place, which, attempt, number, attempts, bytes
  kind, flags, place, which, attempt, number, attempts, bytes, at = unpack_bytes('>BBI2I4I4I6I4I4c0', input, at)
  local seat, tid = seats[place + 1], tids[index]
  local id = seat.ids[which + 1]
  local record = kind ~= renewing and record_of(index) or nil
  local code = '\\0'
  if seat.held[id] ~= attempt then
    if not was_done(seat, kind, flags, id, attempt, record) then code = '\\1' end
  elseif kind == finishing then
    finish(seat, id, tid, keys[index], attempt, flags, bytes, record)
  elseif kind == progressing then
    if record and record.state == 'L' and record.named == seat.group then tell(record.callers, tid, bytes) end
    announce(seat.ctx, tid, 'status', bytes)
  elseif kind == renewing then
    seat.renewals[#seat.renewals + 1] = id
  elseif kind == releasing then
    release(seat, id, tid, flags, number, attempts, bytes, record)
  else
    seat.acks[#seat.acks + 1] = id
    seat.deleted[#seat.deleted + 1] = id
  end
  codes[index] = code
end
for key, record in pairs(changed) do save_record(nil, record, key) end
for _, seat in ipairs(seats) do
  if #seat.acks > 0 then queue_ack(seat.ctx, seat.group, seat.acks, seat.consumer) end
  if #seat.renewals > 0 then queue_renew(seat.ctx, seat.group, seat.consumer, seat.renewals) end
  if #seat.deleted > 0 then queue_delete(seat.ctx, seat.deleted) end
end
each_chunk({ 'ZREM', base .. '/due' }, undue)
post_letters()
return concat(codes)
`
