-- The globals of scripts: Redis' list of names, none of which a script can change.
-- Arguments: the functions of `native.rs`; a table with what belongs to the script that runs: `env`
-- (its globals), `call` (executes a command).
-- Returns a function that prepares the globals of one script, and one that runs a function in them.
local native, current = ...

local error, type, select, tostring, unpack = error, type, select, tostring, unpack
local rawset, rawget, next, pairs, setmetatable = rawset, rawget, next, pairs, setmetatable
local getmetatable, setfenv, loadstring, pcall, xpcall = getmetatable, setfenv, loadstring, pcall, xpcall
local collectgarbage, concat, insert, sort = collectgarbage, table.concat, table.insert, table.sort
local byte, find, sub, format = string.byte, string.find, string.sub, string.format
local resume, create, status = coroutine.resume, coroutine.create, coroutine.status

local is_over = native.is_over

local READ_ONLY = "Attempt to modify a readonly table"

-- Read-only tables: the empty table that a script sees -> the table with the content.
local content_of = setmetatable({}, { __mode = "k" })

local function pack(...) return { n = select("#", ...), ... } end

local function refuse() error(READ_ONLY, 2) end

-- What getmetatable says of a read-only table: an empty one, read-only too.
local said = {}
content_of[said] = {}
setmetatable(said, { __index = content_of[said], __newindex = refuse, __metatable = said })

local function read_only(content)
    local seen = {}
    content_of[seen] = content
    return setmetatable(seen, { __index = content, __newindex = refuse, __metatable = said })
end

-- After code of the script ran in a protected call: a script whose time is over does not go on.
local function go_on(...)
    if is_over() then error("script ended", 0) end
    return ...
end

-- A native function returns true and its values, or false and the text of an error.
local function raising(f)
    return function(...)
        local a, b = f(...)
        if not a then error(b, 2) end
        return b
    end
end

-- A text of an error, without a place in this file.
local function unplaced(message)
    if type(message) ~= "string" then return message end
    local _, last = find(message, "^sandbox:%d+: ")
    return last and sub(message, last + 1) or message
end

-- As Redis: a table with an error is its text to who catches it.
local function caught(ok, err, ...)
    if is_over() then error("script ended", 0) end
    if not ok then err = unplaced(err) end
    if not ok and type(err) == "table" and type(rawget(err, "err")) == "string" then
        return false, rawget(err, "err")
    end
    if not ok and type(err) == "userdata" then return false, tostring(err) end
    return ok, err, ...
end

local globals = {}
for _, name in ipairs {
    "_VERSION", "assert", "error", "gcinfo", "getmetatable", "ipairs", "rawequal", "select",
    "tonumber", "tostring", "type", "unpack",
} do
    globals[name] = _G[name]
end

function globals.pcall(...)
    if select("#", ...) == 0 then
        error("bad argument #1 to 'pcall' (value expected)", 2)
    end
    return caught(pcall(...))
end

function globals.xpcall(f, handler)
    return go_on(xpcall(f, handler))
end

function globals.rawset(t, k, v)
    if content_of[t] then error(READ_ONLY, 0) end
    return rawset(t, k, v)
end

function globals.rawget(t, k) return rawget(content_of[t] or t, k) end

function globals.setmetatable(t, metatable)
    if content_of[t] then error(READ_ONLY, 0) end
    return setmetatable(t, metatable)
end

function globals.next(t, k) return next(content_of[t] or t, k) end

function globals.pairs(t)
    if content_of[t] then return globals.next, t, nil end
    return pairs(t)
end

-- Source text only: bytecode can break out of Lua.
function globals.loadstring(text, name)
    if type(text) == "number" then text = tostring(text) end
    if type(text) ~= "string" then
        error("bad argument #1 to 'loadstring' (string expected, got " .. type(text) .. ")", 2)
    end
    if byte(text, 1) == 27 then return nil, "bytecode is not loaded" end
    local f, message = loadstring(text, name or text)
    if f then setfenv(f, current.env) end
    return f, message
end

function globals.load(pieces, name)
    local text, n = {}, 0
    while true do
        local piece = pieces()
        if piece == nil or piece == "" then break end
        if type(piece) ~= "string" then return nil, "reader function must return a string" end
        n = n + 1
        text[n] = piece
    end
    return globals.loadstring(concat(text), name or "=(load)")
end

function globals.collectgarbage(option)
    if option == "count" then return collectgarbage("count") end
    if option == nil or option == "collect" then return collectgarbage("collect") end
    -- The pace of the collector is not the script's to set.
    return 0
end

local function library(name, content)
    globals[name] = read_only(content)
    return content
end

local strings = {}
for _, name in ipairs { "byte", "char", "format", "len", "lower", "reverse", "sub", "upper" } do
    strings[name] = string[name]
end
-- Native, as a pattern in Lua's own library cannot be stopped and recurses without a bound.
function strings.find(...)
    local a = { native.find(...) }
    if not a[1] then error(a[2], 2) end
    if #a == 1 then return nil end
    return unpack(a, 2, #a)
end
function strings.match(...)
    local a = { native.match(...) }
    if not a[1] then error(a[2], 2) end
    if #a == 1 then return nil end
    return unpack(a, 2, #a)
end
strings.rep = raising(native.rep)

function strings.gmatch(...)
    local ok, message = native.check_strings("gmatch", ...)
    if not ok then error(message, 2) end
    local text, pattern = ...
    local from = 1
    return function()
        if not from then return nil end
        local a = { native.next_match(text, pattern, from) }
        if not a[1] then error(a[2], 2) end
        from = a[2]
        if not from then return nil end
        return unpack(a, 3, #a)
    end
end
strings.gfind = strings.gmatch

function strings.gsub(...)
    local ok, message = native.check_strings("gsub", ...)
    if not ok then error(message, 2) end
    local text, pattern, replacement, max = ...
    local kind = type(replacement)
    if kind == "number" then replacement, kind = tostring(replacement), "string" end
    if kind == "string" then
        local good, result, count = native.gsub(text, pattern, replacement, max)
        if not good then error(result, 2) end
        return result, count
    end
    if kind ~= "table" and kind ~= "function" then
        error("bad argument #3 to 'gsub' (string/function/table expected)", 2)
    end
    text = tostring(text)
    local out, n, count, from, copied = {}, 0, 0, 1, 1
    max = max or math.huge
    while count < max do
        -- The place of the next match, and where to search after it.
        local a = { native.next_match(text, pattern, from, true) }
        if not a[1] then error(a[2], 2) end
        from = a[2]
        if not from then break end
        local first, past = a[3], a[4]
        local value
        if kind == "table" then value = replacement[a[5]]
        else value = replacement(unpack(a, 5, #a)) end
        if value == nil or value == false then value = sub(text, first, past - 1)
        elseif type(value) ~= "string" and type(value) ~= "number" then
            error("invalid replacement value (a " .. type(value) .. ")", 2)
        end
        out[n + 1], out[n + 2] = sub(text, copied, first - 1), value
        n, count, copied = n + 2, count + 1, past
        if byte(pattern, 1) == 94 then break end
    end
    out[n + 1] = sub(text, copied)
    return concat(out), count
end
library("string", strings)

-- The methods of strings are the library's; nobody changes them.
local of_strings = getmetatable("")
of_strings.__index = strings
of_strings.__metatable = read_only { __index = globals.string }

local tables = {}
for _, name in ipairs { "concat", "foreach", "foreachi", "getn", "maxn", "remove", "setn" } do
    tables[name] = table[name]
end

function tables.insert(t, ...)
    if content_of[t] then error(READ_ONLY, 0) end
    return insert(t, ...)
end

local function less(a, b) return a < b end

-- With a function of Lua the order is always interruptible.
function tables.sort(t, order)
    local ok, message = pcall(sort, t, order or less)
    if not ok then error(unplaced(message), 0) end
    go_on()
end
library("table", tables)

local maths = {}
for name, value in pairs(math) do maths[name] = value end
maths.random = raising(native.random)
maths.randomseed = raising(native.randomseed)
library("math", maths)

-- Coroutines within coroutines take the thread's own stack, which Lua 5.1 does not bound.
local depth = 0
local function resumed(...)
    depth = depth - 1
    return go_on(...)
end
local function resume_bounded(co, ...)
    if depth >= native.coroutine_depth_max then return false, "C stack overflow" end
    depth = depth + 1
    return resumed(resume(co, ...))
end
library("coroutine", {
    create = create,
    resume = resume_bounded,
    running = coroutine.running,
    status = status,
    yield = coroutine.yield,
    wrap = function(f)
        local co = create(f)
        return function(...)
            local returned = pack(resume_bounded(co, ...))
            if not returned[1] then
                local message = returned[2]
                error(message, type(message) == "string" and 2 or 0)
            end
            return unpack(returned, 2, returned.n)
        end
    end,
})

-- The errors of these are tables, with no position in the text.
local function redis_function(f)
    return function(...)
        local ok, value = f(...)
        if not ok then error({ err = value }, 0) end
        return value
    end
end

library("redis", {
    LOG_DEBUG = 0, LOG_VERBOSE = 1, LOG_NOTICE = 2, LOG_WARNING = 3,
    REPL_NONE = 0, REPL_AOF = 1, REPL_SLAVE = 2, REPL_REPLICA = 2, REPL_ALL = 3,
    REDIS_VERSION = native.version, REDIS_VERSION_NUM = native.version_number,
    call = function(...)
        local ok, reply = current.call(...)
        if not ok then error(reply, 0) end
        return reply
    end,
    pcall = function(...)
        local _, reply = current.call(...)
        return reply
    end,
    sha1hex = redis_function(native.sha1hex),
    error_reply = function(...) return native.single_field("err", ...) end,
    status_reply = function(...) return native.single_field("ok", ...) end,
    log = redis_function(native.log),
    setresp = redis_function(native.setresp),
    -- There are no replicas, and no debugger.
    set_repl = function() end,
    replicate_commands = function() return true end,
    breakpoint = function() return false end,
    debug = function() end,
    acl_check_cmd = function() return true end,
})

library("cjson", {
    _NAME = "cjson", _VERSION = "2.1.0", null = native.null,
    encode = raising(native.json_encode),
    decode = raising(native.json_decode),
})
local bits = {}
for _, name in ipairs(native.bit_names) do
    local f = native[name]
    bits[name] = raising(f)
end
library("bit", bits)

setmetatable(globals, {
    __index = function(_, name)
        error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
    end,
})

-- As Redis: an error becomes a table, with the line of the script.
local function on_error(err)
    if type(err) ~= "table" then err = { err = "ERR " .. tostring(unplaced(err)) } end
    local line = native.script_line()
    if line then
        rawset(err, "source", "@user_script")
        rawset(err, "line", line)
    end
    return err
end

local function prepare(keys, arguments)
    depth = 0
    local own = setmetatable({ KEYS = keys, ARGV = arguments }, { __index = globals })
    local env = read_only(own)
    own._G = env
    current.env = env
    return env
end

local function run(f) return xpcall(f, on_error) end

return prepare, run
