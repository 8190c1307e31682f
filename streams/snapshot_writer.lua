-- Checks the fence and writes the whole snapshot, or nothing.
-- KEYS: meta, index, owners, medal_table, sports, history, latest, medallists
-- ARGV[1]: JSON {epoch, fence, meta, owners, hashes, medal_table, sports, latest, medallists, choices, history, history_length}
-- Returns {1} when written, {0, reason, revision of the rules that Redis has} when refused.

local new = cjson.decode(ARGV[1])
local meta_key, index_key, owners_key, table_key, sports_key, history_key, latest_key, medallists_key = unpack(KEYS)

-- Everything is decoded and checked before the first write: a script that fails half way
-- leaves what it wrote.
local known_epoch = tonumber(redis.call('HGET', meta_key, 'epoch') or '')
local known_fence = nil
local stored = redis.call('HGET', meta_key, 'offsets')
if stored then
  local ok, decoded = pcall(cjson.decode, stored)
  if ok and type(decoded) == 'table' then known_fence = decoded end
end

local known_revision = 0
local function refused(reason)
  return {0, reason, known_revision}
end

if known_epoch and known_fence then
  if new.epoch < known_epoch then
    return refused('epoch ' .. new.epoch .. ' is lower than ' .. known_epoch)
  end
  if new.epoch == known_epoch then
    local known_log = redis.call('HGET', meta_key, 'log')
    if known_log and known_log ~= '' then
      if new.meta.log == '' then new.meta.log = known_log end
      if new.meta.log ~= known_log then return refused('another log') end
    end
    for _, known in pairs(known_fence) do
      known_revision = math.max(known_revision, known[2])
    end
    for partition, known in pairs(known_fence) do
      local mine = new.fence[partition]
      if not mine then
        return refused('partition ' .. partition .. ' is missing')
      end
      -- Two coordinates: neither may go down, however far the other one has come.
      if mine[1] < known[1] or mine[2] < known[2] then
        return refused('partition ' .. partition .. ' is behind: offset ' .. mine[1] ..
          ' (rules ' .. mine[2] .. ') after ' .. known[1] .. ' (rules ' .. known[2] .. ')')
      end
    end
  end
end

-- A new owner's first list may be behind the one that is shown. That one stays, with the offsets
-- that it stands for, until the new one has come as far.
local lists_go_on = true
if known_epoch == new.epoch then
  local ok, known_lists = pcall(cjson.decode, redis.call('HGET', meta_key, 'latest_offsets') or '')
  if ok and type(known_lists) == 'table' then
    local mine = cjson.decode(new.meta.latest_offsets)
    for partition, known in pairs(known_lists) do
      local now = mine[partition]
      if now and (now[1] < known[1] or now[2] < known[2]) then lists_go_on = false end
    end
  end
end
if not lists_go_on then
  for _, name in ipairs({'latest', 'medallists', 'latest_offsets'}) do
    new.meta[name] = redis.call('HGET', meta_key, name) or ''
  end
end

local function write_hash(key, fields)
  local flat = {}
  for field, value in pairs(fields) do
    flat[#flat + 1] = field
    flat[#flat + 1] = value
  end
  redis.call('DEL', key)
  if #flat > 0 then redis.call('HSET', key, unpack(flat)) end
end

for _, key in ipairs(redis.call('SMEMBERS', index_key)) do
  if not new.hashes[key] then redis.call('DEL', key) end
end
redis.call('DEL', index_key)
for key, fields in pairs(new.hashes) do
  write_hash(key, fields)
  redis.call('SADD', index_key, key)
end
write_hash(owners_key, new.owners)

-- A stream is the one type that dashboards read as a table.
local function write_table(key, rows)
  redis.call('DEL', key)
  for _, row in ipairs(rows) do
    local flat = {}
    for field, value in pairs(row) do
      flat[#flat + 1] = field
      flat[#flat + 1] = value
    end
    redis.call('XADD', key, '*', unpack(flat))
  end
end
for key, members in pairs(new.choices) do
  redis.call('DEL', key)
  for _, member in ipairs(members) do
    redis.call('SADD', key, member)
  end
end
write_table(table_key, new.medal_table)
write_table(sports_key, new.sports)
-- They are the largest part, and most snapshots do not change them. Who may not ask for the length,
-- as users that were made for older versions, writes them again.
for name, key in pairs({latest = latest_key, medallists = medallists_key}) do
  if lists_go_on and (redis.call('HGET', meta_key, name) ~= new.meta[name]
    or redis.pcall('XLEN', key) ~= #new[name]) then
    write_table(key, new[name])
  end
end

if type(new.history) == 'table' then
  local flat = {}
  for field, value in pairs(new.history) do
    flat[#flat + 1] = field
    flat[#flat + 1] = value
  end
  redis.call('XADD', history_key, 'MAXLEN', '~', new.history_length, '*', unpack(flat))
end

write_hash(meta_key, new.meta)
return {1}
