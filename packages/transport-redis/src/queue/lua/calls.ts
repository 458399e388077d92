/** Input: tid, reason. Reply: 1 when it is cancelled by this, 0 when there is nothing to cancel. */
export const cancel = `
local tid, said = unpack_bytes('>I2c0I2c0', input)
local record = find_record(tid)
if not record or record.state ~= 'L' then return 0 end
end_task(tid, record, 2, 1, said)
post_letters()
return 1
`

/**
 * Follows tasks and tells what became of them. Input: instance, count, tids. Reply: one byte each (0 live, 1 over, 2 unknown, 5 too many callers), then the completions of
 * those that are over, in order.
 */
export const check = `
local instance, count, at = unpack_bytes('>I2c0I4', input)
local codes, stored = {}, {}
for index = 1, count do
  local tid
  tid, at = unpack_bytes('>I2c0', input, at)
  local record = find_record(tid)
  local code = 2
  if record then
    code = follow(tid, record, instance) and 0 or 5
    if record.state == 'D' then
      code = 1
      stored[#stored + 1] = pack('>I4', #record.rest) .. record.rest
    end
  end
  codes[index] = string.char(code)
end
return concat(codes) .. concat(stored)
`

/**
 * A consumer says what it holds, after a connection on which something may have been handed to it unseen; what it does not know goes back uncounted. Input: flag (1 it
 * leaves), workgroup, context or `+`, consumer, count, and context and id of each it holds.
 */
export const regain = `
local leaves, group, where, consumer, count, at = unpack_bytes('>BI2c0I2c0I2c0I4', input)
local holds = {}
for _ = 1, count do
  local ctx, id
  ctx, id, at = unpack_bytes('>I2c0I1c0', input, at)
  holds[ctx .. '/' .. id] = true
end
local contexts = where == '+' and call('HKEYS', base .. '/contexts') or { where }
if leaves == 1 then
  call('ZREM', waiting_key(group, where), consumer)
  call('ZREM', staff_key(group, where), consumer)
end
local returned = 0
for _, ctx in ipairs(contexts) do
  for _, id in ipairs(queue_held(ctx, group, consumer)) do
    if not holds[ctx .. '/' .. id] then
      give_back(ctx, group, id, 0)
      returned = returned + 1
    end
  end
  if leaves == 1 and count == 0 then queue_dismiss(ctx, group, consumer) end
end
return returned
`
