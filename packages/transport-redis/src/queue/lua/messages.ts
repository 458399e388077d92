/** What goes to the inboxes of instances, one message for each and call, and to those who listen. */
export const messages = `
-- For each instance what to tell it, in pieces: each joined string costs a look at every byte.
local letters = {}

local function box_of(instance)
  local box = letters[instance]
  if not box then
    box = { pack('>I2c0', #lane, lane) }
    letters[instance] = box
  end
  return box
end

local function tell_one(instance, tid, event)
  local box = box_of(instance)
  local size = #box
  box[size + 1] = '\\2'
  box[size + 2] = size4(#tid + 2 + #event)
  box[size + 3] = size2(#tid)
  box[size + 4] = tid
  box[size + 5] = event
end

-- An event for everyone who follows a task.
local function tell(callers, tid, event)
  if callers == '' then return end
  if not string.find(callers, '\\n', 1, true) then return tell_one(callers, tid, event) end
  for instance in gmatch(callers, '[^\\n]+') do tell_one(instance, tid, event) end
end

local function instance_of(consumer)
  return match(consumer, '^(.*):%d+:%d+$')
end

-- Tells a consumer that it holds a task no longer; why is 1 for cancelled, 3 for its deadline.
local function revoke(consumer, ctx, id, attempt, why, said)
  local instance = instance_of(consumer)
  if not instance then return end
  local box = box_of(instance)
  local told = pack('>I2c0I2c0I1c0I4BI2c0', #consumer, consumer, #ctx, ctx, #id, id, attempt, why, #said, said)
  box[#box + 1] = pack('>BI4', 3, #told)
  box[#box + 1] = told
end

local function post(instance, message)
  return call('PUBLISH', channels .. 'inbox/' .. instance, message)
end

local function post_letters()
  for instance, box in pairs(letters) do post(instance, concat(box)) end
end

-- In a Cluster nobody knows who listens at other nodes.
local is_heard
local function announce(ctx, tid, action, event)
  if is_heard == nil then is_heard = is_cluster == 1 or call('PUBSUB', 'NUMPAT') > 0 end
  if is_heard then call('PUBLISH', channels .. 'event/' .. lane .. '/' .. ctx .. '/' .. tid .. '/' .. action, event) end
end

-- The completion of a task that no worker ended: 2 cancelled, 3 expired, 1 failed; see event-frame.ts.
local function ended_event(status, reason, attempt, named, said)
  return pack('>BBBBI4I2I2I2c0I2c0I4', 2, status, 0, reason, attempt, 0, 0, #named, named, #said, said, 0)
end
`
