/** How tasks get their ids and come into the queue. Needs the mode's `queue_add`, which may choose a higher id and says which it was. */
export const enqueue = `
-- Reserves ids, which grow without end: a counter that was cleaned away begins anew at the clock, or behind what is there.
local function reserve_ids(count)
  local last = call('INCRBY', base .. '/last', count)
  if last == count then
    local newest = now
    for _, ctx in ipairs(call('HKEYS', base .. '/contexts')) do newest = math.max(newest, queue_newest(ctx)) end
    last = newest + count
    call('SET', base .. '/last', text(last))
  end
  return last - count
end

local added = {}

local function add_entry(ctx, id, entry)
  added[ctx] = (added[ctx] or 0) + 1
  return queue_add(ctx, id, entry)
end

local function ring_added()
  for ctx, count in pairs(added) do
    for _, group in ipairs(groups_of(ctx).names) do
      note_ready(group, ctx, moment)
      ring(group, ctx, count)
    end
  end
end

-- Lets delayed tasks in whose time has come.
local function promote(limit)
  local due = call('ZRANGEBYSCORE', base .. '/delayed', '-inf', text(now), 'LIMIT', 0, limit)
  if #due == 0 then return end
  local first = reserve_ids(#due)
  for index, tid in ipairs(due) do
    local entry = call('HGET', base .. '/later', tid)
    local record = find_record(tid)
    if entry and record and record.state == 'L' and record.id == '' then
      record.open = groups_for(record.ctx, record.named).joined
      record.id = add_entry(record.ctx, queue_id(first + index), entry)
      save_record(tid, record)
    end
    call('HDEL', base .. '/later', tid)
    call('ZREM', base .. '/delayed', tid)
  end
  ring_added()
end
`
