-- Counts from a queue: each report at most once, whoever brings it and however often.
-- ARGV[1]: JSON {now, cells: [name, ...], reports: [{id, value, adds, expects, removes}, ...]}.
-- *adds* and *removes* are lists of a cell's place in *cells* and a number, one after the other.
-- A report whose id is new is counted. One whose id has the value *expects* replaces it, and
-- *removes* says what that one had added. Otherwise nothing happens, and what the id has is told.
-- Returns {counted, replaced, {id, value, ...}}.

local new = cjson.decode(ARGV[1])
local reports_key = prefix .. 'reports'
local sums, counted, replaced, others = {}, 0, 0, {}

local function add(list, sign)
  for place = 1, #list, 2 do
    local cell = new.cells[list[place] + 1]
    sums[cell] = (sums[cell] or 0) + sign * list[place + 1]
  end
end

for _, report in ipairs(new.reports) do
  local id, value, adds, expects, removes = unpack(report, 1, 5)
  local known = redis.call('HGET', reports_key, id)
  if not known then
    redis.call('HSET', reports_key, id, value)
    add(adds, 1)
    counted = counted + 1
  elseif known == value then
    -- The same again.
  elseif expects ~= cjson.null and known == expects then
    redis.call('HSET', reports_key, id, value)
    add(removes, -1)
    add(adds, 1)
    replaced = replaced + 1
  else
    others[#others + 1] = id
    others[#others + 1] = known
  end
end

for cell, by in pairs(sums) do
  if by ~= 0 then bump(cell, by) end
end
if counted + replaced > 0 or not redis.call('HGET', meta_key, 'reports') then
  write_tables('rabbitmq', new.now)
end
return {counted, replaced, others}
