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

-- Both tell whether there is no more of it now.
local function take_again(ctx)
  local key, wanted = again_key(ctx, group), want - got
  local ids = call('ZRANGEBYSCORE', key, '-inf', text(now), 'LIMIT', 0, wanted)
  if #ids == 0 then return true end
  each_chunk({ 'ZREM', key }, ids)
  for _, id in ipairs(ids) do
    local attempt, entry = queue_retake(ctx, group, consumer, id)
    if entry then hand_out(ctx, id, attempt, entry) end
  end
  return #ids < wanted
end

local function take_new(ctx)
  local wanted = want - got
  local ids, entries, thrown = queue_take(ctx, group, consumer, wanted)
  foreign = foreign + thrown
  for index, id in ipairs(ids) do hand_out(ctx, id, 1, entries[index]) end
  if #ids > 0 then
    newest = ids[#ids]
    last_ctx = ctx
  end
  return #ids + thrown < wanted
end

local function take_from(ctx)
  local is_done = take_again(ctx)
  return got < want and take_new(ctx) and is_done
end

-- Where something is left the context is last, so that each has its turn; otherwise it is looked into when something comes back.
local function take_in_turn(ctx)
  local is_done = take_from(ctx)
  local nearest = is_done and call('ZRANGE', again_key(ctx, group), 0, 0, 'WITHSCORES')[2]
  if is_done and not nearest then
    call('ZREM', ready_key(group), ctx)
  else
    call('ZADD', ready_key(group), nearest or moment, ctx)
  end
end

if where ~= '+' then
  if want > 0 then take_from(where) end
else
  while got < want do
    local contexts = call('ZRANGEBYSCORE', ready_key(group), '-inf', moment, 'LIMIT', 0, 16)
    for _, ctx in ipairs(contexts) do
      if got < want then take_in_turn(ctx) end
    end
    if #contexts == 0 then break end
  end
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
