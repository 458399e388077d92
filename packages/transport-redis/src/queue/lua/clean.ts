/** Takes away what nobody uses: subscriptions, workgroups, consumers and contexts that were left a while ago. Needs the mode's queue. */
export const clean = `
local function pairs_of(flat)
  local index = -1
  return function()
    index = index + 2
    return flat[index], flat[index + 1]
  end
end

local sweep_limit = 2000

-- A workgroup whose workers are gone: the copies that it only observed go, a page at a time. True when none is left, false where a task waits for it by name.
local function retire(ctx, group)
  local cursors, field = base .. '/retiring', ctx .. '/' .. group
  local rows, more = queue_page(ctx, call('HGET', cursors, field) or '-', sweep_limit)
  local is_named = false
  for _, row in ipairs(rows) do
    local is_ours, tid = pcall(unpack_bytes, '>I2c0', row.entry)
    local record = is_ours and find_record(tid) or nil
    if record and record.state == 'L' and record.named == group then
      is_named = true
    elseif record and has_line(record.open, group) then
      if leave_entry(record, group) then
        queue_delete(ctx, { row.id })
        forget_times(tid)
      end
      save_record(tid, record)
    end
  end
  if more and not is_named then call('HSET', cursors, field, more) else call('HDEL', cursors, field) end
  return not more and not is_named
end

local function drop_stale(group, where)
  local until_then = text(now - math.max(stale, group_ttl))
  call('ZREMRANGEBYSCORE', staff_key(group, where), '-inf', until_then)
  call('ZREMRANGEBYSCORE', waiting_key(group, where), '-inf', until_then)
end

-- Neither tasks nor anybody who asks for just this one: who takes from all of them gets it anew with its next task.
local function is_needless(ctx, opened, since_of, fresh)
  local until_then = now - group_ttl
  if tonumber(opened) >= until_then then return false end
  -- Where a key of another type stands in its place, there is no size.
  local is_ours, size = pcall(queue_size, ctx)
  if not is_ours or size > 0 then return false end
  for group, since in pairs(since_of) do
    if tonumber(since) >= until_then or fresh[group .. '/' .. ctx] then return false end
  end
  return true
end

local function close_group(ctx, group)
  queue_close(ctx, group)
  call('DEL', again_key(ctx, group), waiting_key(group, ctx), staff_key(group, ctx))
  call('ZREM', ready_key(group), ctx)
  call('HDEL', base .. '/groups/' .. ctx, group)
  groups_known[ctx] = nil
end

local function close_context(ctx, since_of)
  for group in pairs(since_of) do close_group(ctx, group) end
  queue_remove(ctx)
  call('HDEL', base .. '/contexts', ctx)
end

-- Workgroups of a context that stays.
local function clean_groups(ctx, since_of, fresh)
  for group, since in pairs(since_of) do
    queue_dismiss_idle(ctx, group, group_ttl)
    drop_stale(group, ctx)
    drop_stale(group, '+')
    local is_old = tonumber(since) < now - group_ttl
    local is_used = fresh[group .. '/' .. ctx] or fresh[group .. '/+'] or not is_old
    if fresh[group .. '/+'] then note_ready(group, ctx, moment) end
    if not is_used and retire(ctx, group) then close_group(ctx, group) end
  end
end

local function clean()
  local fresh = {}
  -- Who is only slow for a moment is not gone.
  local patience = math.max(group_ttl, 3000)
  for field, seen in pairs_of(call('HGETALL', base .. '/subscribed')) do
    if tonumber(seen) < now - patience then call('HDEL', base .. '/subscribed', field) else fresh[field] = true end
  end
  local contexts_left = 0
  for ctx, opened in pairs_of(call('HGETALL', base .. '/contexts')) do
    local since_of = {}
    for group, since in pairs_of(call('HGETALL', base .. '/groups/' .. ctx)) do since_of[group] = since end
    if is_needless(ctx, opened, since_of, fresh) then
      close_context(ctx, since_of)
    else
      clean_groups(ctx, since_of, fresh)
      contexts_left = contexts_left + 1
    end
  end
  if contexts_left == 0 then call('DEL', base .. '/last', base .. '/failures') end
end
`
