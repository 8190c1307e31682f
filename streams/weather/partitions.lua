-- Counts from Kafka: what each partition adds, in absolute numbers, and the sums of all.
-- ARGV[1]: JSON {epoch, revision, now, partitions: {p: {offset, rejected, token, expects, full,
-- cells: {cell: number}}}}. A partition gives all its cells (full), or those that have changed
-- since it wrote what *expects* names.
-- Returns {reason} if nothing was written; else {'', partition, outcome, ...}, an outcome being
-- 'written', 'full' (write all: the store does not have what you build upon), or why not.

local new = cjson.decode(ARGV[1])
local fences_key = prefix .. 'fences'

local epoch = tonumber(redis.call('HGET', meta_key, 'epoch') or '')
if epoch and new.epoch < epoch then
  return {'epoch ' .. new.epoch .. ' is lower than ' .. epoch}
end
if epoch and new.epoch > epoch then
  -- Topics made anew: what was counted from the old ones is over.
  for _, partition in ipairs(redis.call('HKEYS', fences_key)) do
    redis.call('DEL', prefix .. 'partition:' .. partition)
  end
  redis.call('DEL', fences_key, meta_key)
  forget_counts()
end

local answer, written, full = {''}, false, false
for partition, mine in pairs(new.partitions) do
  local outcome = 'written'
  local known = redis.call('HGET', fences_key, partition)
  local ok, fence = pcall(cjson.decode, known or 'null')
  if not ok or type(fence) ~= 'table' then fence = nil end
  if fence and (mine.offset < fence.offset
      or (mine.offset == fence.offset and new.revision < fence.revision)) then
    outcome = 'behind: offset ' .. text_of(mine.offset) .. ' (rules ' .. new.revision .. ') < '
      .. text_of(fence.offset) .. ' (rules ' .. fence.revision .. ')'
  elseif not mine.full and (not fence or fence.token ~= mine.expects) then
    outcome = 'full'
  else
    local key = prefix .. 'partition:' .. partition
    if mine.full then
      -- The sums follow, below.
      redis.call('DEL', key)
      for cell, number in pairs(mine.cells) do
        if number ~= 0 then redis.call('HSET', key, cell, text_of(number)) end
      end
      full = true
    else
      for cell, number in pairs(mine.cells) do
        local by = number - tonumber(redis.call('HGET', key, cell) or 0)
        if number == 0 then
          redis.call('HDEL', key, cell)
        else
          redis.call('HSET', key, cell, text_of(number))
        end
        if by ~= 0 then
          bump(cell, by)
          written = true
        end
      end
    end
    redis.call('HSET', fences_key, partition, cjson.encode({offset = mine.offset,
      revision = new.revision, rejected = mine.rejected, token = mine.token}))
  end
  answer[#answer + 1] = partition
  answer[#answer + 1] = outcome
end

if full then
  -- The sums anew, from what the partitions add: heals them, whatever has happened to them.
  forget_counts()
  for _, partition in ipairs(redis.call('HKEYS', fences_key)) do
    for cell, number in pairs(hash_of(prefix .. 'partition:' .. partition)) do
      bump(cell, tonumber(number))
    end
  end
end

local rejected = 0
for _, text in pairs(hash_of(fences_key)) do
  local ok, fence = pcall(cjson.decode, text)
  if ok and type(fence) == 'table' then rejected = rejected + fence.rejected end
end
if written or full or not redis.call('HGET', meta_key, 'reports') then
  write_tables('kafka', new.now)
end
redis.call('HSET', meta_key, 'epoch', new.epoch, 'rejected', text_of(rejected),
  'updated_at', new.now)
return answer
