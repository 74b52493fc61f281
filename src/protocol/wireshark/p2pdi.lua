-- P2P-DI/2 for Wireshark and tshark, 4.0 or later: the protocol of LabSwarm's rs and peer.
--
-- Where to put it: see `rs wireshark --help`, or Help > About Wireshark > Folders > Personal Lua Plugins.
-- Filters: p2pdi, p2pdi.type == "PieceData", p2pdi.stream == 3, p2pdi.name contains "report", p2pdi.peer,
-- p2pdi.error, p2pdi.time > 0.1. Fields of the JSON carry the names that PROTOCOL.md gives them.
-- On other ports than ours a connection is known by its first bytes, unless one of its two ports belongs to another
-- protocol (44818 is EtherNet/IP's, and a dialer may be given it): tick "Try heuristic sub-dissectors first" in
-- Wireshark's preferences of TCP, or give tshark -o tcp.try_heuristic_first:TRUE.
--
-- The tables (messages, caps, fields, error codes) are made from the program's own table of messages. In the source
-- tree this file has the marker below in their place, and `deno task wireshark` or `rs wireshark` writes the whole.

-- @TABLES@

local p2pdi = Proto("p2pdi", "P2P-DI/2")

local HEADER = 12
-- JSON deeper than this, or with more values, is not taken apart: PROTOCOL.md's messages have at most 5 levels.
local MOST_DEPTH = 16
local MOST_VALUES = 20000

local names = {}
for number, message in pairs(MESSAGES) do names[number] = message.name end

local f = {
  kind = ProtoField.string("p2pdi.kind", "Message"),
  type = ProtoField.uint8("p2pdi.type", "Type", base.HEX, names),
  length = ProtoField.uint32("p2pdi.length", "Length of the payload", base.DEC),
  stream = ProtoField.uint32("p2pdi.stream", "Stream", base.DEC),
  json = ProtoField.string("p2pdi.json", "JSON"),
  data = ProtoField.uint32("p2pdi.data", "Bytes of data", base.DEC),
  request_in = ProtoField.framenum("p2pdi.request_in", "Asked in", base.NONE, frametype.REQUEST),
  response_in = ProtoField.framenum("p2pdi.response_in", "First answered in", base.NONE, frametype.RESPONSE),
  time = ProtoField.relative_time("p2pdi.time", "Time since it was asked"),
}
local fields = {}
local declared = {}
for _, field in pairs(f) do declared[#declared + 1] = field end
for path, field in pairs(FIELDS) do
  local make = ({ string = ProtoField.string, number = ProtoField.uint64, boolean = ProtoField.bool })[field.type]
  fields[path] = { type = field.type, proto = make(field.filter, path) }
  declared[#declared + 1] = fields[path].proto
end
p2pdi.fields = declared

local e = {
  error = ProtoExpert.new("p2pdi.error", "An error was answered", expert.group.RESPONSE_CODE, expert.severity.WARN),
  malformed = ProtoExpert.new("p2pdi.malformed", "Not as PROTOCOL.md says", expert.group.MALFORMED,
    expert.severity.ERROR),
  not_ours = ProtoExpert.new("p2pdi.not_ours", "No header of P2P-DI/2: bytes are missing before it", expert.group.SEQUENCE,
    expert.severity.WARN),
  unknown = ProtoExpert.new("p2pdi.unknown", "A message that this dissector does not know", expert.group.UNDECODED,
    expert.severity.NOTE),
  cut = ProtoExpert.new("p2pdi.cut", "Too much to take apart", expert.group.UNDECODED, expert.severity.NOTE),
}
p2pdi.experts = { e.error, e.malformed, e.not_ours, e.unknown, e.cut }

p2pdi.prefs.ports = Pref.range("TCP ports", DEFAULT_PORTS, "Ports of registration servers and peers; others are found by their bytes", 65535)

local tcp_stream = Field.new("tcp.stream")

-- Questions by TCP connection and stream; TCP connections that carry TLS; those of them that were recognised by what TLS
-- has decrypted. All are forgotten with the capture.
local questions = {}
local encrypted = {}
local recognised = {}

function p2pdi.init()
  questions = {}
  encrypted = {}
  recognised = {}
end

---------------------------------------------------------------------------------------------------------------------
-- JSON. Reads a text and calls back for each value that is no object or list, with its place in the bytes.

local ESCAPES = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }

local function utf8_of(code)
  if code < 0x80 then return string.char(code) end
  if code < 0x800 then return string.char(0xc0 + math.floor(code / 64), 0x80 + code % 64) end
  if code < 0x10000 then
    return string.char(0xe0 + math.floor(code / 4096), 0x80 + math.floor(code / 64) % 64, 0x80 + code % 64)
  end
  return string.char(0xf0 + math.floor(code / 262144), 0x80 + math.floor(code / 4096) % 64,
    0x80 + math.floor(code / 64) % 64, 0x80 + code % 64)
end

-- One attempt to read a text: `text`, the place `at` (from 1), how many `values` so far, and who hears
-- of each: `leaf(path, first, last, value)`.
local Reader = {}
Reader.__index = Reader

function Reader:fail(what)
  error({ json = what .. " at byte " .. self.at })
end

function Reader:space()
  self.at = self.text:find("[^ \t\r\n]", self.at) or #self.text + 1
end

function Reader:expect(character)
  if self.text:sub(self.at, self.at) ~= character then self:fail('no "' .. character .. '"') end
  self.at = self.at + 1
end

function Reader:unicode()
  local digits = self.text:match("^%x%x%x%x", self.at)
  if not digits then self:fail("a wrong escape") end
  self.at = self.at + 4
  return tonumber(digits, 16)
end

function Reader:escape()
  local letter = self.text:sub(self.at, self.at)
  self.at = self.at + 1
  if letter ~= "u" then return ESCAPES[letter] or self:fail("a wrong escape") end
  local code = self:unicode()
  if code >= 0xd800 and code < 0xdc00 and self.text:sub(self.at, self.at + 1) == "\\u" then
    self.at = self.at + 2
    local low = self:unicode()
    if low >= 0xdc00 and low < 0xe000 then return utf8_of(0x10000 + (code - 0xd800) * 1024 + (low - 0xdc00)) end
    return utf8_of(code) .. utf8_of(low)
  end
  return utf8_of(code)
end

function Reader:string()
  self:expect('"')
  local parts = {}
  while true do
    local stop = self.text:find('["\\%c]', self.at)
    if not stop then self:fail("a string without end") end
    parts[#parts + 1] = self.text:sub(self.at, stop - 1)
    local character = self.text:sub(stop, stop)
    self.at = stop + 1
    if character == '"' then return table.concat(parts) end
    -- DEL is a control character for Lua, but not for JSON.
    if character == "\\" then parts[#parts + 1] = self:escape()
    elseif character == "\127" then parts[#parts + 1] = character
    else self:fail("a control character") end
  end
end

function Reader:plain(path)
  local first = self.at
  local value
  for word, meaning in pairs({ ["true"] = true, ["false"] = false, ["null"] = "null" }) do
    if self.text:sub(first, first + #word - 1) == word then
      value, self.at = meaning, first + #word
    end
  end
  if value == nil then
    local digits = self.text:match("^%-?%d+%.?%d*[eE]?[+-]?%d*", first)
    value = digits and tonumber(digits)
    if value == nil then self:fail("no value") end
    self.at = first + #digits
  end
  self.leaf(path, first, self.at - 1, value)
end

-- A list straight inside a list may be of fixed form: its places then have names.
function Reader:list(path, depth, in_list)
  local places = in_list and TUPLES[path] or nil
  self:expect("[")
  self:space()
  if self.text:sub(self.at, self.at) == "]" then self.at = self.at + 1 return end
  local place = 0
  while true do
    place = place + 1
    self:value(places and path .. "." .. (places[place] or place) or path, depth + 1, true)
    self:space()
    if self.text:sub(self.at, self.at) == "]" then self.at = self.at + 1 return end
    self:expect(",")
  end
end

function Reader:object(path, depth)
  self:expect("{")
  self:space()
  if self.text:sub(self.at, self.at) == "}" then self.at = self.at + 1 return end
  while true do
    self:space()
    local key = self:string()
    self:space()
    self:expect(":")
    self:value(path == "" and key or path .. "." .. key, depth + 1)
    self:space()
    if self.text:sub(self.at, self.at) == "}" then self.at = self.at + 1 return end
    self:expect(",")
  end
end

function Reader:value(path, depth, in_list)
  if depth > MOST_DEPTH then error({ cut = true }) end
  self.values = self.values + 1
  if self.values > MOST_VALUES then error({ cut = true }) end
  self:space()
  local character = self.text:sub(self.at, self.at)
  if character == "{" then return self:object(path, depth) end
  if character == "[" then return self:list(path, depth, in_list) end
  if character ~= '"' then return self:plain(path) end
  local first = self.at
  local value = self:string()
  self.leaf(path, first, self.at - 1, value)
end

-- Reads a whole text. Gives nothing when it is JSON, else { json = what is wrong } or { cut = true }.
local function read_json(text, leaf)
  local reader = setmetatable({ text = text, at = 1, values = 0, leaf = leaf }, Reader)
  local done, problem = pcall(function()
    reader:space()
    if text:sub(reader.at, reader.at) ~= "{" then reader:fail("no object") end
    reader:value("", 0)
    reader:space()
    if reader.at <= #text then reader:fail("something after the end") end
  end)
  if done then return nil end
  if type(problem) == "table" then return problem end
  error(problem, 0)
end

---------------------------------------------------------------------------------------------------------------------
-- Frames

-- Tells whether a header of ours stands at `offset`: three zero bytes, and a length within its type's cap.
local function is_header(tvb, offset)
  if tvb(offset + 5, 3):uint() ~= 0 then return false end
  local message = MESSAGES[tvb(offset + 4, 1):uint()]
  return tvb(offset, 4):uint() <= (message and message.cap or UNKNOWN_CAP)
end

local function frame_length(tvb, _, offset)
  if not is_header(tvb, offset) then return tvb:len() - offset end
  return HEADER + tvb(offset, 4):uint()
end

-- What a message says in one line: its first plain fields, without secrets.
local SECRET = { cookie = true, token = true }
local function summary_adder(summary)
  return function(path, value)
    if #summary >= 4 or SECRET[path] or path:find("[.]") then return end
    local text = tostring(value)
    summary[#summary + 1] = path .. "=" .. (#text > 40 and text:sub(1, 40) .. "..." or text)
  end
end

local function add_value(tree, path, range, value)
  local field = fields[path]
  local is_whole = type(value) == "number" and value >= 0 and value % 1 == 0 and value < 9007199254740992
  if field and field.type == "number" and is_whole then
    tree:add(field.proto, range, UInt64.new(value % 4294967296, math.floor(value / 4294967296)))
  elseif field and field.type == "string" and type(value) == "string" then
    tree:add(field.proto, range, value)
  elseif field and field.type == "boolean" and type(value) == "boolean" then
    tree:add(field.proto, range, value)
  else
    tree:add(range, path .. ": " .. tostring(value))
  end
end

local function dissect_json(tvb, tree, found)
  local summary = {}
  if tvb:len() == HEADER then
    tree:add_proto_expert_info(e.malformed, "A control message without a payload")
    return summary
  end
  local payload = tvb(HEADER)
  local text = payload:raw()
  local branch = tree:add(f.json, payload, text)
  local summarize = summary_adder(summary)
  local problem = read_json(text, function(path, first, last, value)
    add_value(branch, path, payload(first - 1, last - first + 1), value)
    summarize(path, value)
    if not path:find("[.]") then found[path] = value end
  end)
  if problem and problem.cut then branch:add_proto_expert_info(e.cut)
  elseif problem then branch:add_proto_expert_info(e.malformed, "The payload is not JSON: " .. problem.json) end
  return summary
end

-- Ties a frame to the first one of its stream, which is the question; stream 0 belongs to none.
local function link(pinfo, tree, stream, kind)
  local connection = tcp_stream()
  if stream == 0 or not connection then return nil end
  local key = connection.value .. "/" .. stream
  local question = questions[key]
  if not question then
    question = { number = pinfo.number, at = pinfo.abs_ts, from = tostring(pinfo.src) .. " " .. pinfo.src_port, kind = kind }
    questions[key] = question
  end
  local is_answer = question.from ~= tostring(pinfo.src) .. " " .. pinfo.src_port
  if is_answer then
    question.answer = question.answer or pinfo.number
    tree:add(f.request_in, question.number):set_generated()
    local elapsed = pinfo.abs_ts - question.at
    if elapsed >= 0 then
      local whole = math.floor(elapsed)
      tree:add(f.time, NSTime.new(whole, math.floor((elapsed - whole) * 1e9))):set_generated()
    end
  elseif question.number == pinfo.number and question.answer then
    tree:add(f.response_in, question.answer):set_generated()
  end
  return question, is_answer
end

local function dissect_data(tvb, tree, question)
  local bytes = tvb:len() - HEADER
  local item = bytes > 0 and tree:add(f.data, tvb(HEADER), bytes) or tree:add(f.data, bytes)
  local summary = { bytes .. " bytes" }
  if bytes > 0 then item:append_text(", beginning with " .. tvb(HEADER, math.min(16, bytes)):bytes():tohex(true, " ")) end
  if question and question.piece then
    add_value(tree, "content", tvb(0, 0), question.content)
    add_value(tree, "piece", tvb(0, 0), question.piece)
    summary[2] = "piece=" .. question.piece
  end
  return summary
end

local is_first = true

local function tell(pinfo, text)
  pinfo.cols.protocol = "P2P-DI"
  if is_first then pinfo.cols.info:set("") end
  pinfo.cols.info:append((is_first and "" or "; ") .. text)
  is_first = false
end

local function dissect_frame(tvb, pinfo, root)
  if not is_header(tvb, 0) then
    local tree = root:add(p2pdi, tvb(), "P2P-DI/2, no header")
    tree:add_proto_expert_info(e.not_ours)
    tell(pinfo, "[no header of P2P-DI/2]")
    return tvb:len()
  end
  local number, stream = tvb(4, 1):uint(), tvb(8, 4):uint()
  local message = MESSAGES[number]
  local kind = message and message.name or string.format("type 0x%02x", number)
  local tree = root:add(p2pdi, tvb(), "P2P-DI/2, " .. kind .. ", stream " .. stream)
  tree:add(f.kind, tvb(4, 1), kind):set_generated()
  tree:add(f.length, tvb(0, 4))
  tree:add(f.type, tvb(4, 1))
  tree:add(f.stream, tvb(8, 4))
  local question, is_answer = link(pinfo, tree, stream, kind)
  local summary, found = {}, {}
  if message and message.data then
    summary = dissect_data(tvb, tree, question)
  elseif message and not message.reserved then
    summary = dissect_json(tvb, tree, found)
  else
    tree:add_proto_expert_info(e.unknown)
  end
  if question and not is_answer then question.content, question.piece = found.content, found.piece end
  if kind == "Error" then
    local code = tostring(found.code)
    tree:add_proto_expert_info(e.error, "Error " .. code .. ": " .. (ERRORS[code] and "" or "(a code that is not known) ")
      .. tostring(found.message))
  end
  tell(pinfo, kind .. " " .. stream .. (#summary > 0 and " " .. table.concat(summary, " ") or ""))
  return tvb:len()
end

---------------------------------------------------------------------------------------------------------------------
-- Streams of bytes: plain, or TLS on a port of ours

local function is_tls_record(tvb)
  local first = tvb(0, 1):uint()
  return tvb:len() >= 3 and first >= 0x14 and first <= 0x17 and tvb(1, 1):uint() == 3
end

-- On our ports everything comes here: plain frames, records of TLS, and once more what TLS has decrypted. Records begin
-- with bytes that would be a length over every cap; what is neither follows on bytes that were not captured.
local function belongs_to_tls(tvb, connection)
  if is_tls_record(tvb) then
    encrypted[connection] = true
    return true
  end
  return encrypted[connection] and tvb:len() >= HEADER and not is_header(tvb, 0)
end

local function dissect_frames(tvb, pinfo, root)
  is_first = true
  dissect_tcp_pdus(tvb, root, HEADER, frame_length, dissect_frame)
  if not is_first then pinfo.cols.info:fence() end
  return tvb:len()
end

function p2pdi.dissector(tvb, pinfo, root)
  local connection = tcp_stream()
  if connection and belongs_to_tls(tvb, connection.value) then
    -- One dissector between TCP and TLS: without this, TLS may not ask for more bytes.
    pinfo.can_desegment = 2
    return Dissector.get("tls"):call(tvb, pinfo, root)
  end
  return dissect_frames(tvb, pinfo, root)
end

-- The first bytes of a connection on any port: a greeting, or when the capture began later, a control message.
local function is_ours(tvb)
  if tvb:len() < HEADER + 2 or tvb(0, 1):uint() ~= 0 or not is_header(tvb, 0) then return false end
  local message = MESSAGES[tvb(4, 1):uint()]
  return message and not message.data and not message.reserved and tvb(HEADER, 1):uint() == 0x7b
end

p2pdi:register_heuristic("tcp", function(tvb, pinfo, root)
  if not is_ours(tvb) then return false end
  pinfo.conversation = p2pdi
  p2pdi.dissector(tvb, pinfo, root)
  return true
end)

local tcp_ports = DissectorTable.get("tcp.port")
local tls_ports = DissectorTable.get("tls.port")
local registered
local is_known = {}

local function know(ports)
  for first, last in tostring(ports):gmatch("(%d+)%-?(%d*)") do
    for port = tonumber(first), tonumber(last) or tonumber(first) do is_known[port] = true end
  end
end

local function register(ports)
  if registered then
    tcp_ports:remove(registered, p2pdi)
    tls_ports:remove(registered, p2pdi)
    is_known = {}
  end
  tcp_ports:add(ports, p2pdi)
  tls_ports:add(ports, p2pdi)
  know(ports)
  registered = ports
end

-- What is recognised inside TLS may not ask for more bytes; who has the port may. So a greeting makes its port known, for
-- the connections that follow and for Wireshark's second pass. On this connection TLS goes on to ask whoever wants its
-- bytes, and others would take ours for theirs (RDPMT takes anything that begins with a small number): they stay ours.
p2pdi:register_heuristic("tls", function(tvb, pinfo, root)
  local connection = tcp_stream()
  local stays = connection and recognised[connection.value]
  if not stays and (is_known[pinfo.src_port] or is_known[pinfo.dst_port] or not is_ours(tvb)) then return false end
  local port = not stays and ({ Hello = pinfo.dst_port, Welcome = pinfo.src_port })[names[tvb(4, 1):uint()]]
  if port then
    tls_ports:add(port, p2pdi)
    is_known[port] = true
    if connection then recognised[connection.value] = true end
  end
  -- Not by way of p2pdi.dissector: each dissector that is called has less right to ask for more bytes.
  dissect_frames(tvb, pinfo, root)
  return true
end)

function p2pdi.prefs_changed() register(p2pdi.prefs.ports) end
register(p2pdi.prefs.ports)

---------------------------------------------------------------------------------------------------------------------
-- Blocks of broadcasts, by multicast (UDP). Filters: p2pdi_block, p2pdi_block.piece == 7.

local block = Proto("p2pdi_block", "P2P-DI/2 multicast")

local b = {
  session = ProtoField.bytes("p2pdi_block.session", "Broadcast"),
  piece = ProtoField.uint32("p2pdi_block.piece", "Piece", base.DEC),
  offset = ProtoField.uint32("p2pdi_block.offset", "Offset in the piece", base.DEC),
  number = ProtoField.uint32("p2pdi_block.number", "Number of the block", base.DEC),
  tag = ProtoField.bytes("p2pdi_block.tag", "Tag of the header"),
  data = ProtoField.uint32("p2pdi_block.data", "Bytes of data", base.DEC),
  is_end = ProtoField.bool("p2pdi_block.end", "Nothing more comes"),
}
block.fields = { b.session, b.piece, b.offset, b.number, b.tag, b.data, b.is_end }

function block.dissector(tvb, pinfo, root)
  if tvb:len() < 32 or tvb(0, 4):string() ~= "LSMC" then return 0 end
  local tree = root:add(block, tvb())
  local is_end = tvb(12, 4):uint() == 0xffffffff
  pinfo.cols.protocol = "P2P-DI/2"
  pinfo.cols.info = is_end and "Blocks: nothing more comes"
    or string.format("Block %u: piece %u from %u on, %u bytes", tvb(20, 4):uint(), tvb(12, 4):uint(), tvb(16, 4):uint(), tvb:len() - 32)
  tree:add(b.session, tvb(4, 8))
  if is_end then
    tree:add(b.is_end, tvb(12, 4), true)
  else
    tree:add(b.piece, tvb(12, 4))
    tree:add(b.offset, tvb(16, 4))
    tree:add(b.data, tvb(32), tvb:len() - 32)
  end
  tree:add(b.number, tvb(20, 4))
  tree:add(b.tag, tvb(24, 8))
  return tvb:len()
end

DissectorTable.get("udp.port"):add(BLOCK_PORTS, block)
