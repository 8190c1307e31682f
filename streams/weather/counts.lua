-- What both ways of counting share: cells, and the tables that dashboards read. Put before the
-- script of either way. KEYS[1] is the prefix of all keys: one server holds them all.

local prefix = KEYS[1]
local meta_key = prefix .. 'meta'
-- The sorted sets beside ordered families; noted, so that a rebuild can remove them.
local orders_key = prefix .. 'orders'

-- Families whose cells end in a number of which the least or the greatest is asked.
local ORDERED = {['minute'] = true, ['temperature.tenth'] = true, ['humidity.tenth'] = true}
local FAMILIES = {'total', 'place', 'weather', 'condition', 'pair', 'minute',
  'temperature.count', 'temperature.sum', 'temperature.tenth',
  'humidity.count', 'humidity.sum', 'humidity.tenth'}
-- So many of the newest minutes with reports are shown.
local MINUTES = 240

local function text_of(number)
  return string.format('%.0f', number)
end

local function order_key(family, fields)
  -- "municipality<tab>mixco<tab>254" is value 254 of "municipality:mixco".
  local place, value = string.match(fields, '^(.*)\t(-?%d+)$')
  if place then
    return prefix .. 'order:' .. family .. ':' .. string.gsub(place, '\t', ':'), value
  end
  return prefix .. 'order:' .. family, fields
end

-- Add a number to a cell; a cell that comes to zero is not there.
local function bump(cell, by)
  local family, fields = string.match(cell, '^([^\t]+)\t(.*)$')
  local key = prefix .. family
  local now = redis.call('HINCRBY', key, fields, text_of(by))
  if now == 0 then redis.call('HDEL', key, fields) end
  if ORDERED[family] then
    local order, value = order_key(family, fields)
    if now == 0 then
      redis.call('ZREM', order, value)
    elseif now == by then
      redis.call('ZADD', order, value, value)
      redis.call('SADD', orders_key, order)
    end
  end
end

local function forget_counts()
  for _, family in ipairs(FAMILIES) do redis.call('DEL', prefix .. family) end
  for _, order in ipairs(redis.call('SMEMBERS', orders_key)) do redis.call('DEL', order) end
  redis.call('DEL', orders_key)
end

local function hash_of(key)
  local flat, found = redis.call('HGETALL', key), {}
  for place = 1, #flat, 2 do found[flat[place]] = flat[place + 1] end
  return found
end

local function extreme(measure, kind, place, greatest)
  local key = prefix .. 'order:' .. measure .. '.tenth:' .. kind .. ':' .. place
  return redis.call(greatest and 'ZREVRANGE' or 'ZRANGE', key, 0, 0)[1]
end

local function bytes_before(one, other)
  -- Lua's own comparison follows the server's language.
  local length = math.min(#one, #other)
  for at = 1, length do
    local a, b = string.byte(one, at), string.byte(other, at)
    if a ~= b then return a < b end
  end
  return #one < #other
end

-- Write a stream of rows, which is what dashboards read as a table.
local function write_rows(key, rows)
  redis.call('DEL', key)
  for _, row in ipairs(rows) do redis.call('XADD', key, row[1] or '*', unpack(row[2])) end
end

-- Write all that follows from the cells. *path* also names a column with the reports, so that the
-- tables of two stores can be joined.
local function write_tables(path, now)
  local pairs_of, conditions = {}, {}
  for fields, reports in pairs(hash_of(prefix .. 'pair')) do
    local kind, place, weather = string.match(fields, '^([^\t]+)\t([^\t]+)\t([^\t]+)$')
    local key = kind .. '\t' .. place
    local list = pairs_of[key] or {}
    pairs_of[key] = list
    list[#list + 1] = {weather, reports}
  end
  for fields, reports in pairs(hash_of(prefix .. 'condition')) do conditions[fields] = reports end

  local places = {country = {}, municipality = {}}
  for fields, reports in pairs(hash_of(prefix .. 'place')) do
    local kind, place = string.match(fields, '^([^\t]+)\t([^\t]+)$')
    local list = places[kind]
    list[#list + 1] = {place = place, reports = tonumber(reports)}
  end
  local function more_first(a, b)
    if a.reports ~= b.reports then return a.reports > b.reports end
    return bytes_before(a.place, b.place)
  end

  local measured = {}
  for _, measure in ipairs({'temperature', 'humidity'}) do
    measured[measure] = {
      count = hash_of(prefix .. measure .. '.count'), sum = hash_of(prefix .. measure .. '.sum')}
  end
  local overall = {}
  local function measurements(row, kind, place)
    for _, measure in ipairs({'temperature', 'humidity'}) do
      local key = kind .. '\t' .. place
      local count = tonumber(measured[measure].count[key] or 0)
      if count > 0 then
        local sum = tonumber(measured[measure].sum[key] or 0)
        local lowest = tonumber(extreme(measure, kind, place, false))
        local highest = tonumber(extreme(measure, kind, place, true))
        local values = {mean = sum / count / 100, min = lowest / 10, max = highest / 10}
        row[#row + 1] = measure .. '_mean'; row[#row + 1] = string.format('%.2f', values.mean)
        row[#row + 1] = measure .. '_min'; row[#row + 1] = string.format('%.1f', values.min)
        row[#row + 1] = measure .. '_max'; row[#row + 1] = string.format('%.1f', values.max)
        if kind == 'municipality' then
          local all = overall[measure]
            or {count = 0, sum = 0, lowest = lowest, highest = highest}
          overall[measure] = all
          all.count, all.sum = all.count + count, all.sum + sum
          all.lowest = math.min(all.lowest, lowest)
          all.highest = math.max(all.highest, highest)
        end
      end
    end
  end

  for kind, list in pairs(places) do
    table.sort(list, more_first)
    local rows = {}
    for rank, it in ipairs(list) do
      local row = {kind, it.place, 'rank', rank, 'reports', text_of(it.reports),
        path, text_of(it.reports)}
      measurements(row, kind, it.place)
      for _, pair in ipairs(pairs_of[kind .. '\t' .. it.place] or {}) do
        row[#row + 1] = 'weather_' .. pair[1]; row[#row + 1] = pair[2]
      end
      rows[rank] = {nil, row}
    end
    write_rows(prefix .. (kind == 'country' and 'countries' or 'municipalities'), rows)
  end

  local weathers = {}
  for weather, reports in pairs(hash_of(prefix .. 'weather')) do
    weathers[#weathers + 1] = {place = weather, reports = tonumber(reports)}
  end
  table.sort(weathers, more_first)
  local rows = {}
  for rank, it in ipairs(weathers) do
    rows[rank] = {nil, {'weather', it.place, 'rank', rank, 'reports', text_of(it.reports),
      path, text_of(it.reports),
      'countries', conditions['country\t' .. it.place] or 0,
      'municipalities', conditions['municipality\t' .. it.place] or 0}}
  end
  write_rows(prefix .. 'weathers', rows)

  local newest = redis.call('ZREVRANGE', prefix .. 'order:minute', 0, MINUTES - 1)
  rows = {}
  for place = #newest, 1, -1 do
    local minute = newest[place]
    local reports = redis.call('HGET', prefix .. 'minute', minute)
    -- The entry's id is the minute's time. (Milliseconds 0 with number 0 would be no id.)
    rows[#rows + 1] = {text_of(tonumber(minute) * 60000) .. '-1',
      {'reports', reports, path, reports}}
  end
  write_rows(prefix .. 'minutes', rows)

  local reports = redis.call('HGET', prefix .. 'total', 'reports') or '0'
  local meta = {'path', path, 'reports', reports, path, reports, 'updated_at', now,
    'countries', #places.country, 'municipalities', #places.municipality}
  redis.call('HDEL', meta_key, 'temperature_mean', 'temperature_min', 'temperature_max',
    'humidity_mean', 'humidity_min', 'humidity_max')
  for measure, all in pairs(overall) do
    meta[#meta + 1] = measure .. '_mean'
    meta[#meta + 1] = string.format('%.2f', all.sum / all.count / 100)
    meta[#meta + 1] = measure .. '_min'; meta[#meta + 1] = string.format('%.1f', all.lowest / 10)
    meta[#meta + 1] = measure .. '_max'; meta[#meta + 1] = string.format('%.1f', all.highest / 10)
  end
  redis.call('HSET', meta_key, unpack(meta))
end
