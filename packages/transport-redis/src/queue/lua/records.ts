/**
 * What is known of one tid: `L`ive or `D`one, the id of its entry (none while it is delayed), context, named workgroup, the workgroups that still have it, the
 * instances that want to know, who ended it in which workgroup at which attempt, and the completion once there is one.
 */
export const records = `
local record_format = '>c1I2c0I2c0I2c0I2c0I2c0I1c0'

local function task_key(tid)
  return base .. '/task/' .. tid
end

-- All but its last field and the completion, which alone differ from task to task: what was made last is most likely wanted again.
local made = {}

local function record_head(state, ctx, named, open, callers, over)
  if made.state ~= state or made.over ~= over or made.callers ~= callers or made.open ~= open or made.named ~= named or made.ctx ~= ctx then
    made.state, made.ctx, made.named, made.open, made.callers, made.over = state, ctx, named, open, callers, over
    made.head = pack('>c1I2c0I2c0I2c0I2c0I2c0', state, #ctx, ctx, #named, named, #open, open, #callers, callers, #over, over)
  end
  return made.head
end

local function live_record(id, ctx, named, open, callers)
  return record_head('L', ctx, named, open, callers, '') .. string.char(#id) .. id
end

local function read_record(bytes)
  if not bytes then return nil end
  local state, ctx, named, open, callers, over, id, at = unpack_bytes(record_format, bytes)
  local rest = state == 'D' and sub(bytes, at) or ''
  return { state = state, id = id, ctx = ctx, named = named, open = open, callers = callers, over = over, rest = rest }
end

local function find_record(tid)
  return read_record(call('GET', task_key(tid)))
end

-- A completion is kept for its time, which begins when the last workgroup is done.
local function save_record(tid, record, key)
  local bytes = record_head(record.state, record.ctx, record.named, record.open, record.callers, record.over) .. string.char(#record.id) .. record.id .. record.rest
  if record.state == 'D' and record.open == '' then
    call('SET', key or task_key(tid), bytes, 'PX', text(result_ttl))
  else
    call('SET', key or task_key(tid), bytes)
  end
end

-- Lists of names are lines: no name holds a control character.
local function without(lines, line)
  if lines == line then return '' end
  local kept = {}
  for each in gmatch(lines, '[^\\n]+') do
    if each ~= line then kept[#kept + 1] = each end
  end
  return concat(kept, '\\n')
end

local function has_line(lines, line)
  if lines == line then return true end
  for each in gmatch(lines, '[^\\n]+') do
    if each == line then return true end
  end
  return false
end

local function with(lines, line)
  if lines == '' then return line end
  return lines .. '\\n' .. line
end

-- Adds who wants to know; false when there are too many.
local function follow(tid, record, instance)
  if record.state == 'D' or has_line(record.callers, instance) then return true end
  local _, count = string.gsub(record.callers, '\\n', '')
  if record.callers ~= '' and count + 1 >= max_callers then return false end
  record.callers = with(record.callers, instance)
  save_record(tid, record)
  return true
end
`
