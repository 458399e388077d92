/**
 * What is known of one tid: `L`ive or `D`one, the id of its entry (none while it is delayed), context, named workgroup, the workgroups that still have it, the
 * instances that want to know, who ended it in which workgroup at which attempt, and the completion once there is one.
 */
export const records = `
local record_format = '>c1I1c0I2c0I2c0I2c0I2c0I2c0I4c0'

local function task_key(tid)
  return base .. '/task/' .. tid
end

local function packed_record(state, id, ctx, named, open, callers, over, rest)
  return pack(record_format, state, #id, id, #ctx, ctx, #named, named, #open, open, #callers, callers, #over, over, #rest, rest)
end

local function read_record(bytes)
  if not bytes then return nil end
  local state, id, ctx, named, open, callers, over, rest = unpack_bytes(record_format, bytes)
  return { state = state, id = id, ctx = ctx, named = named, open = open, callers = callers, over = over, rest = rest }
end

local function find_record(tid)
  return read_record(call('GET', task_key(tid)))
end

-- A completion is kept for its time, which begins when the last workgroup is done.
local function save_record(tid, record)
  local bytes = packed_record(record.state, record.id, record.ctx, record.named, record.open, record.callers, record.over, record.rest)
  if record.state == 'D' and record.open == '' then
    call('SET', task_key(tid), bytes, 'PX', text(result_ttl))
  else
    call('SET', task_key(tid), bytes)
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
