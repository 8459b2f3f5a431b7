-- Sends prepared requests in their order and prints what came of them as one line of JSON, times in microseconds.
--
--   wrk -t1 -c64 -d2s -s wrk.lua <url> -- <file>
--
-- The file holds whole HTTP/1.1 requests, separated by a NUL. After the last one comes the first again: whoever wants each
-- to be sent once compares `sent` with what the file holds. One thread only: two would both send the same.

local prepared, position = {}, 0
sent = 0
statuses = {}

function init(args)
  local file = assert(io.open(args[1], "rb"))
  for request in file:read("*a"):gmatch("[^%z]+") do
    prepared[#prepared + 1] = request
  end
  file:close()
end

function request()
  position = position % #prepared + 1
  sent = sent + 1
  return prepared[position]
end

function response(status)
  statuses[status] = (statuses[status] or 0) + 1
end

local threads = {}
function setup(thread)
  threads[#threads + 1] = thread
end

function done(summary, latency)
  local list = {}
  for status, count in pairs(threads[1]:get("statuses")) do
    list[#list + 1] = string.format('"%d":%d', status, count)
  end
  local errors = summary.errors
  io.write(string.format(
    '\n{"answered":%d,"sent":%d,"micros":%d,"lost":%d,"latency":{"p50":%d,"p95":%d,"p99":%d,"max":%d},"statuses":{%s}}\n',
    summary.requests, threads[1]:get("sent"), summary.duration,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(95), latency:percentile(99), latency.max, table.concat(list, ",")))
end
