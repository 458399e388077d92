/**
 * What workers say of the tasks they hold. Input: seats (context, workgroup, consumer, lease), then in order kind, flags, seat, id, attempt, tid, a number, attempts
 * and bytes. Kinds: `F`inish (flag 1 dead letter), `P`rogress, re`N`ew, `R`elease (flag 1 failed; the number is the delay), `X` to throw out. Flag 2 repeats what was
 * said on a connection that was lost. Reply: one byte each, 0 done, 1 lease lost.
 */
export const work = `
local finishing, progressing, renewing, releasing, throwing = 70, 80, 78, 82, 88
local seats, ops, records_known, seat_count, op_count, at = {}, {}, {}, unpack_bytes('>I2I4', input)
for index = 1, seat_count do
  local ctx, group, consumer, lease
  ctx, group, consumer, lease, at = unpack_bytes('>I2c0I2c0I2c0I6', input, at)
  seats[index] = { ctx = ctx, group = group, consumer = consumer, lease = lease, ids = {}, acks = {}, renewals = {} }
end
local tids, keys = {}, {}
for index = 1, op_count do
  local kind, flags, seat, id, attempt, tid, number, attempts, bytes
  kind, flags, seat, id, attempt, tid, number, attempts, bytes, at = unpack_bytes('>BBI2I1c0I4I2c0I6I4I4c0', input, at)
  local place = seats[seat + 1]
  ops[index] = { kind = kind, flags = flags, seat = place, id = id, attempt = attempt, tid = tid, number = number, attempts = attempts, bytes = bytes }
  place.ids[#place.ids + 1] = id
  if kind ~= renewing and records_known[tid] == nil then
    records_known[tid] = false
    tids[#tids + 1] = tid
    keys[#keys + 1] = task_key(tid)
  end
end
for from = 1, #keys, 1000 do
  local values = call('MGET', unpack(keys, from, math.min(from + 999, #keys)))
  for index, value in ipairs(values) do records_known[tids[from + index - 1]] = read_record(value) or false end
end

-- Acknowledging frees memory, so it comes first: a server without memory lets a script go on that has written.
for _, seat in ipairs(seats) do seat.held = queue_fences(seat.ctx, seat.group, seat.consumer, seat.lease, seat.ids) end
for _, op in ipairs(ops) do
  local seat = op.seat
  op.is_held = seat.held[op.id] == op.attempt
  if op.is_held and (op.kind == finishing or op.kind == throwing) then seat.acks[#seat.acks + 1] = op.id end
end
for _, seat in ipairs(seats) do
  if #seat.acks > 0 then queue_ack(seat.ctx, seat.group, seat.acks, seat.consumer) end
end

local deleted, undue, changed = {}, {}, {}

local function drop(ctx, id)
  deleted[ctx] = deleted[ctx] or {}
  deleted[ctx][#deleted[ctx] + 1] = id
end

local function signature(op)
  return op.seat.group .. '/' .. op.attempt .. '/' .. op.seat.consumer
end

local function finish(op, record)
  local seat, tid, id = op.seat, op.tid, op.id
  if op.flags % 2 == 1 then bury(seat.ctx, seat.group, id, tid, op.bytes) end
  if op.attempt > 1 then call('HDEL', base .. '/failures', failures_field(seat.ctx, seat.group, id)) end
  announce(seat.ctx, tid, 'complete', op.bytes)
  if not record then
    if #groups_of(seat.ctx).names < 2 then drop(seat.ctx, id) end
    return
  end
  if record.state == 'L' and record.named == seat.group then complete(tid, record, op.bytes) end
  record.over = with(record.over, signature(op))
  if leave_entry(record, seat.group) then
    drop(seat.ctx, id)
    undue[#undue + 1] = 'd' .. tid
  end
  changed[tid] = record
end

local function release(op, record)
  local seat, id = op.seat, op.id
  if op.flags % 2 == 0 then return give_back(seat.ctx, seat.group, id, op.number) end
  queue_return(seat.ctx, seat.group, id)
  local failures = call('HINCRBY', base .. '/failures', failures_field(seat.ctx, seat.group, id), 1)
  if failures < op.attempts then return give_back(seat.ctx, seat.group, id, op.number) end
  exhaust(seat.ctx, seat.group, id, op.tid, record, op.bytes)
end

-- The first answer was lost on its way: what was done then is not undone by asking again.
local function was_done(op, record)
  if op.flags < 2 then return false end
  if op.kind == finishing then return record and has_line(record.over, signature(op)) end
  if op.kind ~= releasing then return false end
  local consumer, count = queue_holder(op.seat.ctx, op.seat.group, op.id)
  return consumer == '-' and count == op.attempt
end

local codes = {}
for index, op in ipairs(ops) do
  local record, seat = records_known[op.tid] or nil, op.seat
  local code = 0
  if not op.is_held then
    if not was_done(op, record) then code = 1 end
  elseif op.kind == finishing then
    finish(op, record)
  elseif op.kind == progressing then
    if record and record.state == 'L' and record.named == seat.group then tell(record.callers, op.tid, op.bytes) end
    announce(seat.ctx, op.tid, 'status', op.bytes)
  elseif op.kind == renewing then
    seat.renewals[#seat.renewals + 1] = op.id
  elseif op.kind == releasing then
    release(op, record)
  else
    drop(seat.ctx, op.id)
  end
  codes[index] = code == 0 and '\\0' or '\\1'
end
for tid, record in pairs(changed) do save_record(tid, record) end
for _, seat in ipairs(seats) do
  if #seat.renewals > 0 then queue_renew(seat.ctx, seat.group, seat.consumer, seat.renewals) end
end
for ctx, ids in pairs(deleted) do queue_delete(ctx, ids) end
each_chunk({ 'ZREM', base .. '/due' }, undue)
post_letters()
return concat(codes)
`
