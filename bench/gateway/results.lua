-- wrk's script: posts the bodies of a file, a line each, one after the other.
-- wrk … -s results.lua URL -- FILE [TOKEN]
local requests = {}
local at = 0

function init(args)
    local headers = { ["Content-Type"] = "application/json" }
    if args[2] and args[2] ~= "" then
        headers["Authorization"] = "Bearer " .. args[2]
    end
    for line in io.lines(args[1]) do
        requests[#requests + 1] = wrk.format("POST", nil, headers, line)
    end
    -- Threads begin at different places.
    math.randomseed(tonumber(tostring({}):sub(8)) or os.time())
    at = math.random(#requests)
end

function request()
    at = at % #requests + 1
    return requests[at]
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '\n{"requests":%d,"seconds":%.6f,"connect":%d,"read":%d,"write":%d,"timeout":%d,' ..
        '"status":%d,"p50_ms":%.3f,"p99_ms":%.3f}\n',
        summary.requests, summary.duration / 1e6, errors.connect, errors.read, errors.write,
        errors.timeout, errors.status, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
