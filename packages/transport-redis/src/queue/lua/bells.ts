/**
 * Which contexts may have tasks for a workgroup, and from when on: whoever takes from all of them visits only these. What is nowhere noted is found when the job/task is
 * cleaned, so a note too many costs one look, and one too few some time.
 */
export const ready = `
local function ready_key(group)
  return base .. '/ready/' .. group
end

local function note_ready(group, ctx, from)
  call('ZADD', ready_key(group), 'LT', from, ctx)
end
`

/** Consumers that got less than they asked for wait for a bell: whoever makes work rings one for each task. */
export const bells = `
local function waiting_key(group, where)
  return base .. '/waiting/' .. group .. '/' .. where
end

local function ring_at(key, count)
  while count > 0 do
    local popped = call('ZPOPMIN', key)
    local consumer = popped[1]
    if not consumer then return count end
    local instance = instance_of(consumer)
    if instance and tonumber(popped[2]) > now - stale then
      local heard = post(instance, pack('>I2c0BI4c0', #lane, lane, 1, #consumer, consumer))
      -- In a Cluster only the subscribers of this node are counted.
      if heard > 0 or is_cluster == 1 then count = count - 1 end
    end
  end
  return 0
end

local function ring(group, ctx, count)
  local left = ring_at(waiting_key(group, ctx), count)
  if left > 0 then ring_at(waiting_key(group, '+'), left) end
end
`
