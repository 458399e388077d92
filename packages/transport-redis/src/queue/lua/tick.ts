/**
 * Keeps a job/task going: signs of life of consumers, deadlines, delays, leases that ran out, what nobody uses. Input: flag (1 rings for redeliveries that are due),
 * count, and workgroup, context or `+`, consumer and lease of each consumer. Reply: milliseconds until the next thing is due (-1 for nothing), and the shortest lease
 * that is known (-1 for none).
 */
export const tick = `
local rings, count, at = unpack_bytes('>BI4', input)
for _ = 1, count do
  local group, where, consumer, lease
  group, where, consumer, lease, at = unpack_bytes('>I2c0I2c0I2c0I6', input, at)
  subscribe(group, where)
  call('ZADD', staff_key(group, where), text(now), consumer)
  call('HSET', base .. '/leases', text(lease), text(now))
end

for _, tid in ipairs(call('ZRANGEBYSCORE', base .. '/due', '-inf', text(now), 'LIMIT', 0, 100)) do
  call('ZREM', base .. '/due', tid)
  local record = find_record(tid)
  if record and (record.state == 'L' or record.open ~= '') then end_task(tid, record, 3, 3, '') end
end
-- Times to live of what no worker has begun.
for _, tid in ipairs(call('ZRANGEBYSCORE', base .. '/expiring', '-inf', text(now), 'LIMIT', 0, 100)) do
  call('ZREM', base .. '/expiring', tid)
  local record = find_record(tid)
  local waits = record and record.state == 'L' and (record.id == '' or not queue_holder(record.ctx, record.named, record.id))
  if waits then end_task(tid, record, 3, 2, '') end
end
promote(100)

local least = -1
for lease, seen in pairs_of(call('HGETALL', base .. '/leases')) do
  if tonumber(seen) < now - stale - 4 * tonumber(lease) then
    call('HDEL', base .. '/leases', lease)
  elseif least < 0 or tonumber(lease) < least then
    least = tonumber(lease)
  end
end

local function each_group(visit)
  for _, ctx in ipairs(call('HKEYS', base .. '/contexts')) do
    for _, group in ipairs(groups_of(ctx).names) do visit(ctx, group) end
  end
end

local nearest = -1
local function note(score)
  if score and (nearest < 0 or tonumber(score) < nearest) then nearest = tonumber(score) end
end

-- A lease that ran out counts as a failed attempt.
local function lose(ctx, group, id, attempt)
  local entry = queue_entry(ctx, id)
  if not entry then return queue_ack(ctx, group, { id }) end
  local is_ours, tid, attempts = pcall(unpack_bytes, '>I2c0I4', entry)
  if not is_ours then return queue_ack(ctx, group, { id }) end
  queue_return(ctx, group, id)
  local failures = call('HINCRBY', base .. '/failures', failures_field(ctx, group, id), 1)
  if failures < attempts then return give_back(ctx, group, id, 0) end
  exhaust(ctx, group, id, tid, find_record(tid), ended_event(1, 4, attempt, group, ''))
end

if least > 0 and call('SET', base .. '/lock/leases', 1, 'NX', 'PX', text(math.min(100, math.max(1, floor(least / 10))))) then
  each_group(function(ctx, group)
    for _, row in ipairs(queue_overdue(ctx, group, least)) do lose(ctx, group, row.id, row.count) end
  end)
end

-- What should wait in a queue and does not: its key was dropped.
if call('SET', base .. '/lock/lost', 1, 'NX', 'PX', 1000) then
  local budget = 1000
  each_group(function(ctx, group)
    if budget <= 0 then return end
    local found, looked = queue_recover(ctx, group, budget)
    budget = budget - looked
    if found > 0 then
      note_ready(group, ctx, moment)
      ring(group, ctx, found)
    end
  end)
end

if rings == 1 then
  each_group(function(ctx, group)
    local waiting = call('ZCOUNT', again_key(ctx, group), '-inf', text(now))
    if waiting > 0 then ring(group, ctx, waiting) end
  end)
end
each_group(function(ctx, group)
  note(call('ZRANGEBYSCORE', again_key(ctx, group), '(' .. text(now), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2])
end)
note(call('ZRANGE', base .. '/due', 0, 0, 'WITHSCORES')[2])
note(call('ZRANGE', base .. '/expiring', 0, 0, 'WITHSCORES')[2])
note(call('ZRANGE', base .. '/delayed', 0, 0, 'WITHSCORES')[2])

if call('SET', base .. '/lock/clean', 1, 'NX', 'PX', text(math.max(100, floor(group_ttl / 4)))) then clean() end
post_letters()
return { nearest < 0 and -1 or math.max(0, nearest - now), least }
`
