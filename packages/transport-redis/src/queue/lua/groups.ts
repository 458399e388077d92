/** The workgroups of a context; the mode's own part may ask for them. */
export const groupNames = `
local groups_known = {}

local function groups_of(ctx)
  local found = groups_known[ctx]
  if found then return found end
  local names = call('HKEYS', base .. '/groups/' .. ctx)
  found = { names = names, has = {}, joined = concat(names, '\\n') }
  for _, name in ipairs(names) do found.has[name] = true end
  groups_known[ctx] = found
  return found
end
`

/** How workgroups get their queue on a context, and which subscriptions ask for it. Needs the mode's `queue_open`. */
export const groups = `
local function open_group(ctx, group)
  local found = groups_of(ctx)
  if found.has[group] then return found end
  queue_open(ctx, group, '$')
  call('HSET', base .. '/groups/' .. ctx, group, text(now))
  found.names[#found.names + 1] = group
  found.has[group] = true
  found.joined = concat(found.names, '\\n')
  return found
end

local function open_context(ctx)
  call('HSET', base .. '/contexts', ctx, text(now))
  for _, field in ipairs(call('HKEYS', base .. '/subscribed')) do
    local group, where = match(field, '^(.-)/(.*)$')
    if where == ctx or where == '+' then open_group(ctx, group) end
  end
end

-- The workgroups that get a copy of a task named for one of them.
local function groups_for(ctx, named)
  local found = groups_of(ctx)
  if found.has[named] then return found end
  if #found.names == 0 then open_context(ctx) end
  return open_group(ctx, named)
end

local function subscribe(group, where)
  local is_new = call('HSET', base .. '/subscribed', group .. '/' .. where, text(now)) == 1
  if where == '+' then
    for _, ctx in ipairs(call('HKEYS', base .. '/contexts')) do
      open_group(ctx, group)
      if is_new then note_ready(group, ctx, moment) end
    end
  elseif not groups_of(where).has[group] then
    if #groups_of(where).names == 0 then open_context(where) end
    open_group(where, group)
  end
end

local function staff_key(group, where)
  return base .. '/staff/' .. group .. '/' .. where
end

local staffed_known = {}
-- Whether a worker of the workgroup was there lately.
local function is_staffed(group, ctx)
  local key = group .. '/' .. ctx
  local known = staffed_known[key]
  if known == nil then
    local from = text(now - stale)
    known = call('ZCOUNT', staff_key(group, ctx), from, '+inf') > 0 or call('ZCOUNT', staff_key(group, '+'), from, '+inf') > 0
    staffed_known[key] = known
  end
  return known
end
`
