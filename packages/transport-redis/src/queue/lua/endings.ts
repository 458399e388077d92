/** How a task ends in a workgroup and altogether. Needs the mode's queue. */
export const endings = `
local function failures_field(ctx, group, id)
  return ctx .. '/' .. group .. '/' .. id
end

local function again_key(ctx, group)
  return base .. '/again/' .. ctx .. '/' .. group
end

local function forget_times(tid)
  call('ZREM', base .. '/due', tid)
  call('ZREM', base .. '/expiring', tid)
end

-- Keeps a task with the dead letters, of which the oldest go first.
local function bury(ctx, group, id, tid, event)
  if max_dead == 0 then return end
  local entry = queue_entry(ctx, id)
  if not entry then return end
  call('XADD', base .. '/dead', 'MAXLEN', text(max_dead), '*', 'tid', tid, 'context', ctx, 'workgroup', group, 'task', entry, 'end', event)
end

-- The task is over in its named workgroup: stores the completion and tells everyone. The record is saved by whoever calls.
local function complete(tid, record, event)
  record.state = 'D'
  record.rest = event
  tell(record.callers, tid, event)
end

-- One workgroup has no further business with an entry; true when it was the last.
local function leave_entry(record, group)
  record.open = without(record.open, group)
  if record.open ~= '' then return false end
  record.id = ''
  return true
end

-- Past the last attempt: the workgroup is done with it, and so is the caller if it was the named one.
local function exhaust(ctx, group, id, tid, record, event)
  queue_ack(ctx, group, { id })
  call('HDEL', base .. '/failures', failures_field(ctx, group, id))
  bury(ctx, group, id, tid, event)
  announce(ctx, tid, 'complete', event)
  if not record then
    if #groups_of(ctx).names < 2 then queue_delete(ctx, { id }) end
    return
  end
  if record.state == 'L' and record.named == group then complete(tid, record, event) end
  if leave_entry(record, group) then
    queue_delete(ctx, { id })
    forget_times(tid)
  end
  save_record(tid, record)
end

-- Takes a task out of every workgroup, whoever holds it. status 2 is cancelled, 3 expired.
local function end_task(tid, record, status, reason, said)
  local attempt, id, ctx = 0, record.id, record.ctx
  if id == '' then
    call('ZREM', base .. '/delayed', tid)
    call('HDEL', base .. '/later', tid)
  else
    for group in gmatch(record.open, '[^\\n]+') do
      local consumer, count = queue_holder(ctx, group, id)
      if consumer then
        if group == record.named then attempt = count end
        queue_ack(ctx, group, { id })
        if consumer == '-' then call('ZREM', again_key(ctx, group), id) else revoke(consumer, ctx, id, count, reason, said) end
        call('HDEL', base .. '/failures', failures_field(ctx, group, id))
      end
    end
    queue_delete(ctx, { id })
  end
  forget_times(tid)
  if record.state == 'L' then
    local event = ended_event(status, reason, attempt, record.named, said)
    complete(tid, record, event)
    announce(ctx, tid, 'complete', event)
  end
  record.open = ''
  record.id = ''
  save_record(tid, record)
end

-- Puts an entry back, to be delivered again after a while; whether that counts as failed is the caller's business.
local function give_back(ctx, group, id, delay)
  queue_return(ctx, group, id)
  call('ZADD', again_key(ctx, group), text(now + delay), id)
  note_ready(group, ctx, text(now + delay))
  if delay == 0 then ring(group, ctx, 1) end
end
`
