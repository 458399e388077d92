/**
 * Gives a consumer tasks: first those to be delivered again, then new ones. Input: workgroup, context or `+`, consumer, how many. Reply: the server's time, how many
 * foreign entries were thrown out, and for each task id, attempt, context and entry. Who gets less than asked for waits for a bell; who gets all of it rings the next.
 */
export const take = `
local group, where, consumer, want = unpack_bytes('>I2c0I2c0I2c0I4', input)
-- The first piece is written last.
local out, got, foreign, newest, last_ctx = { '' }, 0, 0, '', where

local function hand_out(ctx, id, attempt, entry)
  local size = #out
  out[size + 1] = size2(#id)
  out[size + 2] = id
  out[size + 3] = size4(attempt)
  out[size + 4] = size2(#ctx)
  out[size + 5] = ctx
  out[size + 6] = size4(#entry)
  out[size + 7] = entry
  got = got + 1
end

local function take_again(ctx)
  local key = again_key(ctx, group)
  local ids = call('ZRANGEBYSCORE', key, '-inf', text(now), 'LIMIT', 0, want - got)
  if #ids == 0 then return end
  each_chunk({ 'ZREM', key }, ids)
  for _, id in ipairs(ids) do
    local attempt, entry = queue_retake(ctx, group, consumer, id)
    if entry then hand_out(ctx, id, attempt, entry) end
  end
end

local function take_new(ctx)
  local ids, entries, thrown = queue_take(ctx, group, consumer, want - got)
  foreign = foreign + thrown
  for index, id in ipairs(ids) do hand_out(ctx, id, 1, entries[index]) end
  if #ids > 0 then
    newest = ids[#ids]
    last_ctx = ctx
  end
end

local contexts = where == '+' and call('HKEYS', base .. '/contexts') or { where }
-- Another context is first each time.
local shift = #contexts > 1 and time[2] % #contexts or 0
for index = 1, #contexts do
  local ctx = contexts[(index - 1 + shift) % #contexts + 1]
  if got < want then take_again(ctx) end
  if got < want then take_new(ctx) end
end
if got < want then
  -- Where memory is full it is the poll that finds work.
  redis.pcall('ZADD', waiting_key(group, where), text(now), consumer)
elseif newest ~= queue_id(call('GET', base .. '/last') or 0) then
  ring(group, last_ctx, 1)
end
out[1] = pack('>I6I4', now, foreign)
return concat(out)
`
