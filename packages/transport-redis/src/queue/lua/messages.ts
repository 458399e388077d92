/** What goes to the inboxes of instances, one message for each and call, and to those who listen. */
export const messages = `
local letters = {}

local function write_to(instance, kind, bytes)
  local box = letters[instance]
  if not box then
    box = {}
    letters[instance] = box
  end
  box[#box + 1] = pack('>BI4', kind, #bytes) .. bytes
end

-- An event for everyone who follows a task.
local function tell(callers, tid, event)
  if callers == '' then return end
  local frame = pack('>I2c0', #tid, tid) .. event
  for instance in gmatch(callers, '[^\\n]+') do write_to(instance, 2, frame) end
end

local function instance_of(consumer)
  return match(consumer, '^(.*):%d+:%d+$')
end

-- Tells a consumer that it holds a task no longer; why is 1 for cancelled, 3 for its deadline.
local function revoke(consumer, ctx, id, attempt, why, said)
  local instance = instance_of(consumer)
  if not instance then return end
  write_to(instance, 3, pack('>I2c0I2c0I1c0I4BI2c0', #consumer, consumer, #ctx, ctx, #id, id, attempt, why, #said, said))
end

local function post(instance, bytes)
  return call('PUBLISH', channels .. 'inbox/' .. instance, pack('>I2c0', #lane, lane) .. bytes)
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
