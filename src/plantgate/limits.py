"""Every bound: its number, its unit, what it protects and who would abuse it.

`LIMITS` is the table that the reference page is made from. Configuration may lower a limit freely.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    name: str
    value: int
    unit: str
    protects: str
    abused_by: str


LIMITS: dict[str, Limit] = {}


def _limit(name: str, value: int, unit: str, protects: str, abused_by: str) -> int:
    LIMITS[name] = Limit(name, value, unit, protects, abused_by)
    return value


# --- badge readers (SpringCore) ---------------------------------------------------------------------------
SCRDR_LINE_BYTES = _limit(
    "SCRDR_LINE_BYTES",
    65_536,
    "bytes",
    "memory per reader; the vendor allows 64 kB per $SCRDR message",
    "a broken or forged reader that never ends its line",
)
SCRDR_TRACKED_TAGS = _limit(
    "SCRDR_TRACKED_TAGS",
    256,
    "cards",
    "memory per reader: cards whose repeats or removal are awaited",
    "a forged reader that invents a card per message",
)
SCRDR_BYTES_PER_SECOND = _limit(
    "SCRDR_BYTES_PER_SECOND",
    2_097_152,
    "bytes/s",
    "the event loop: a reader above it is read more slowly; a line counts as 200 bytes at least (10,000 lines/s)",
    "a broken or forged reader that sends at wire speed",
)
SCCMD_LINE_BYTES = _limit(
    "SCCMD_LINE_BYTES",
    255,
    "bytes",
    "the device: it discards commands of 256 characters and more",
    "a caller that passes arbitrary LEDS or BUZZ values",
)
READER_BADGES_PER_SECOND = _limit(
    "READER_BADGES_PER_SECOND",
    20,
    "badges/s",
    "journal, audit log and event loop; a reader reads a card a second as delivered, people pass no faster",
    "a broken or forged reader that tells thousands of cards a second",
)
READER_BADGES_AT_ONCE = _limit(
    "READER_BADGES_AT_ONCE",
    500,
    "badges",
    "the same: so many may come faster, as with a pallet of UHF tags or a script that replays a day",
    "a broken or forged reader that tells thousands of cards a second",
)
READER_CONNECTS_PER_SECOND = _limit(
    "READER_CONNECTS_PER_SECOND",
    20,
    "connections/s",
    "the network and the readers' switch: all readers of a gateway together begin no more connections",
    "a power cut after which two hundred readers come back together",
)
DATAGRAM_WAITING_BYTES = _limit(
    "DATAGRAM_WAITING_BYTES",
    65_536,
    "bytes",
    "memory per believed UDP source: what waits to be decoded; a datagram counts as 256 bytes at least",
    "a device, or somebody who forges its address, that sends faster than is decoded",
)

REGISTER_FILE_BYTES = _limit(
    "REGISTER_FILE_BYTES",
    262_144,
    "characters",
    "memory of a command that reads a reader's registers; all 65,536 addresses are never set",
    "a wrong file given by mistake",
)
CAPTURE_BYTES = _limit(
    "CAPTURE_BYTES",
    16_777_216,
    "bytes",
    "disk and memory of a captured conversation: at 100 bytes a message, 160,000 badges",
    "a capture that is forgotten, or a reader at wire speed",
)
SIMULATOR_REQUEST_BYTES = _limit(
    "SIMULATOR_REQUEST_BYTES",
    4_194_304,
    "bytes",
    "memory of a simulator: one line of its control socket (raw bytes of a long $SCRDR line in hex, lists of cards)",
    "a client that never ends its line",
)
SIMULATOR_CARDS = _limit(
    "SIMULATOR_CARDS",
    256,
    "cards",
    "memory and tasks of a simulated reader: cards that lie on it, or are shown with one request",
    "a test that puts cards down and never takes them away",
)
SIMULATOR_QUEUE_MESSAGES = _limit(
    "SIMULATOR_QUEUE_MESSAGES",
    1_000,
    "messages",
    "memory of a simulated reader that sends slowly on purpose; further cards are dropped and told as such",
    "a test that shows cards faster than a slow reader tells them",
)
SIMULATOR_SCRIPT_BYTES = _limit(
    "SIMULATOR_SCRIPT_BYTES",
    4_194_304,
    "bytes",
    "memory of a simulated reader: one script, about 100,000 lines",
    "a wrong file given as a script",
)

# --- Modbus -----------------------------------------------------------------------------------------------
MODBUS_PDU_BYTES = _limit(
    "MODBUS_PDU_BYTES",
    253,
    "bytes",
    "memory per device; MODBUS Application Protocol V1.1b3 section 4.1",
    "a device whose MBAP length field claims up to 65,535 bytes",
)
MODBUS_CONCURRENT_REQUESTS = _limit(
    "MODBUS_CONCURRENT_REQUESTS",
    16,
    "requests",
    "a device's transaction table; most allow 1 to 4",
    "a configuration copied from a fast PLC to a slow one",
)
MODBUS_ABANDONED_IDS = _limit(
    "MODBUS_ABANDONED_IDS",
    64,
    "transaction ids",
    "late answers are told from invented ones at a bounded cost",
    "a device that never answers",
)
MODBUS_SPLIT_REQUESTS = _limit(
    "MODBUS_SPLIT_REQUESTS",
    16,
    "requests per block and poll",
    "the other blocks of a device while a refused one is bisected",
    "a device that refuses every register of a large block",
)
MODBUS_UNEXPECTED_FRAMES = _limit(
    "MODBUS_UNEXPECTED_FRAMES",
    1_000,
    "frames in a row",
    "the processor: a device that only sends what nobody asked is cut off",
    "a device, or somebody in its place, that floods the gateway with answers",
)
DEVICE_BAD_ROWS = _limit(
    "DEVICE_BAD_ROWS",
    200,
    "tags",
    "memory and time of one device's page: so many tags that are bad are named, the others counted",
    "a device that is off, with thousands of tags",
)
TAG_GROUP_SWITCH_SECONDS = _limit(
    "TAG_GROUP_SWITCH_SECONDS",
    1,
    "s",
    "the devices and the event loop: a tag group that has changed its rate keeps it for so long",
    "a driving tag that flickers around its condition",
)
TAG_GROUP_READS_PER_SECOND = _limit(
    "TAG_GROUP_READS_PER_SECOND",
    10,
    "reads/s",
    "the devices: how often one tag group is read because its driving tag has changed; the last change is never missed",
    "a driving tag that changes with every poll of a fast group",
)
MODBUS_WAITING_WRITES = _limit(
    "MODBUS_WAITING_WRITES",
    64,
    "writes per device",
    "memory, and polls that writes go before",
    "a page or script that writes faster than the device takes it",
)

MODBUS_MAP_ROWS = _limit(
    "MODBUS_MAP_ROWS",
    10_000,
    "rows",
    "memory, and the time in which a configuration is read: one address map of a device",
    "a file of another kind given as an address map",
)
MODBUS_SERVER_MAP_ROWS = _limit(
    "MODBUS_SERVER_MAP_ROWS",
    10_000,
    "entries",
    "the event loop: what changed is put into registers when a client asks, some 2 us an entry",
    "a script that maps every tag of a plant",
)
MODBUS_SERVER_FRAME_SECONDS = _limit(
    "MODBUS_SERVER_FRAME_SECONDS",
    5,
    "s",
    "a place for other clients: a frame is whole so long after its first byte, or its connection is closed",
    "slowloris: a client that sends one byte every few seconds",
)
MODBUS_SERVER_STALL_SECONDS = _limit(
    "MODBUS_SERVER_STALL_SECONDS",
    10,
    "s",
    "memory: no more is answered to a client that is 64 kB behind with reading, and then it is let go",
    "a client that asks and never reads the answers",
)
MODBUS_SERVER_PIECE_BYTES = _limit(
    "MODBUS_SERVER_PIECE_BYTES",
    1_024,
    "bytes",
    "the other clients: so much of what one sends at once (85 reads) is answered before it is their turn",
    "a client that pipelines thousands of requests",
)
MODBUS_SERVER_WRITE_SECONDS = _limit(
    "MODBUS_SERVER_WRITE_SECONDS",
    10,
    "s",
    "the client: all writes of one request are done so soon, or it hears that they are not",
    "a request that writes many tags of a device that does not answer",
)

# --- connections ------------------------------------------------------------------------------------------
CONNECTIONS_PER_ADDRESS = _limit(
    "CONNECTIONS_PER_ADDRESS",
    64,
    "connections",
    "a place for other clients at each listener",
    "one address that opens sockets without end",
)
CONNECTIONS_PER_LISTENER = _limit(
    "CONNECTIONS_PER_LISTENER",
    512,
    "connections",
    "descriptors and memory of the process",
    "many addresses that open sockets without end",
)
HTTP_HEADER_SECONDS = _limit(
    "HTTP_HEADER_SECONDS",
    10,
    "s",
    "a connection slot: the whole request header must arrive within it",
    "slowloris: a client that sends one header byte every few seconds",
)
HTTP_BODY_BYTES = _limit(
    "HTTP_BODY_BYTES",
    1_048_576,
    "bytes",
    "memory per request",
    "a client that posts without end",
)

# --- fan-out ----------------------------------------------------------------------------------------------
STREAM_CLIENTS = _limit(
    "STREAM_CLIENTS",
    200,
    "WebSockets",
    "memory and encoding time of live pages",
    "a page left open in many tabs",
)
ALARM_STREAM_ROWS = _limit(
    "ALARM_STREAM_ROWS",
    2_000,
    "alarms",
    "memory and encoding time of one message to live pages; the counts beside them are of all",
    "a plant that loses its power: every alarm at once",
)
ALARM_LIST_ITEMS = _limit(
    "ALARM_LIST_ITEMS",
    500,
    "alarms",
    "the audit log and the disk: alarms that are acknowledged or shelved by one request",
    "a script that acknowledges whatever comes",
)
STREAM_EVENT_BACKLOG = _limit(
    "STREAM_EVENT_BACKLOG",
    1_000,
    "events",
    "memory per page; a page that is further behind is closed and reloads",
    "a browser that stopped reading",
)
PEER_TEXT_CHARS = _limit(
    "PEER_TEXT_CHARS",
    256,
    "characters",
    "log lines and pages against text that a peer chose",
    "a reader or client that sends terminal escapes or a megabyte as its name",
)
STREAM_READ_BYTES = _limit(
    "STREAM_READ_BYTES",
    262_144,
    "bytes",
    "memory per connection: reading pauses when so much waits unread",
    "a peer that sends faster than its owner handles",
)
STREAM_WRITE_BYTES = _limit(
    "STREAM_WRITE_BYTES",
    1_048_576,
    "bytes",
    "memory per connection: a peer that is further behind is an error",
    "a peer that stopped reading",
)
STREAM_LINGER_MS = _limit(
    "STREAM_LINGER_MS",
    2_000,
    "ms",
    "a connection slot: a finished connection delivers its last bytes within it or is reset",
    "a peer that asks for much, reads nothing and never hangs up",
)
TAG_TEXT_CHARS = _limit(
    "TAG_TEXT_CHARS",
    4_096,
    "characters",
    "memory and the devices: a longer text is refused when a tag is written",
    "a page or script that writes a document into a tag",
)
WRITE_LIST_ITEMS = _limit(
    "WRITE_LIST_ITEMS",
    1_000,
    "commands",
    "memory and the audit log: commands that are sent as one list, each of which is a task and a line",
    "a script that writes a whole plant with one request",
)
WRITE_LISTS_AT_ONCE = _limit(
    "WRITE_LISTS_AT_ONCE",
    8,
    "lists",
    "memory and the event loop: lists of commands that are being carried out; another one is turned away",
    "a script that sends lists faster than devices take them",
)
WRITE_LIST_SECONDS = _limit(
    "WRITE_LIST_SECONDS",
    60,
    "s",
    "one of the places for lists: what a device has not been asked within it is not sent any more",
    "a list for a device that answers nothing",
)
READ_LIST_ITEMS = _limit(
    "READ_LIST_ITEMS",
    1_000,
    "tags",
    "the event loop: tags that one request reads by their paths",
    "a script that reads a whole plant by name instead of listing it",
)

# --- alarms -----------------------------------------------------------------------------------------------
ALARM_EVENTS_KEPT = _limit(
    "ALARM_EVENTS_KEPT",
    5,
    "events",
    "memory and the list: events of one alarm that are active or wait to be acknowledged; the oldest is then "
    "acknowledged by itself (Ignition keeps as many)",
    "an alarm that comes and goes while nobody looks",
)
ALARM_EVENTS_PER_MINUTE = _limit(
    "ALARM_EVENTS_PER_MINUTE",
    20,
    "events/min",
    "disk, memory and people: an alarm that comes more often goes on with its last event, and the journal gets a count",
    "a tag that flickers around its limit, a loose wire",
)
ALARM_CHANGES_WAITING = _limit(
    "ALARM_CHANGES_WAITING",
    200_000,
    "changes",
    "memory: of changes of alarmed tags that wait beyond it only the newest of each tag is looked at",
    "a driver that reports a whole plant many times before anybody else has a turn",
)
ALARM_SLICE = _limit(
    "ALARM_SLICE",
    1_000,
    "changes",
    "the event loop: so many are looked at, and so many alarms shown as tags, before everybody else has a turn",
    "a power cut that ten thousand alarms report",
)
ALARM_LINES_WAITING = _limit(
    "ALARM_LINES_WAITING",
    100_000,
    "lines",
    "memory (some 40 MB) while the disk of the alarm journal is slow or full; the oldest are lost then, and counted",
    "a flood of alarms, together with a full disk",
)
ALARM_COMMITS_PER_SECOND = _limit(
    "ALARM_COMMITS_PER_SECOND",
    10,
    "commits/s",
    "the disk: events are stored together; what a person does is stored at once",
    "an alarm that comes and goes",
)
ALARM_JOURNAL_LINES = _limit(
    "ALARM_JOURNAL_LINES",
    5_000_000,
    "lines",
    "disk (some 500 MB): the oldest lines of the alarm journal go first",
    "an alarm that comes and goes for months",
)
ALARM_SHELVE_SECONDS = _limit(
    "ALARM_SHELVE_SECONDS",
    604_800,
    "s",
    "people: a shelved alarm is heard of again after a week at most",
    "somebody who shelves what annoys them and leaves",
)
ALARM_NOTE_CHARS = _limit(
    "ALARM_NOTE_CHARS",
    1_000,
    "characters",
    "memory and disk: the note of an acknowledgement, the reason of a shelf",
    "somebody who pastes a document",
)

# --- expressions of tags ----------------------------------------------------------------------------------
EXPRESSION_CHARS = _limit(
    "EXPRESSION_CHARS",
    8_192,
    "characters",
    "the event loop while an expression is parsed: 30 ms for the longest one",
    "a script that writes a program into an expression",
)
EXPRESSION_DEPTH = _limit(
    "EXPRESSION_DEPTH",
    150,
    "levels",
    "the interpreter's stack: an evaluation goes as deep as its expression is nested",
    "a generated expression that adds hundreds of tags one by one; sum() takes them side by side",
)
EXPRESSION_NODES = _limit(
    "EXPRESSION_NODES",
    1_000,
    "operators, functions, tags and constants",
    "the event loop: one evaluation of the dearest expression takes 20 ms, of an ordinary one 3 us",
    "a generated expression",
)
EXPRESSION_FOLDER_TAGS = _limit(
    "EXPRESSION_FOLDER_TAGS",
    20_000,
    "tags",
    "the event loop: all folders that one evaluation goes through; so many tags take 1.5 ms",
    "a sum over all tags of a plant",
)
EXPRESSION_FORMAT_CHARS = _limit(
    "EXPRESSION_FORMAT_CHARS",
    100,
    "characters",
    "the event loop: the format of one dateFormat(), each letter of which costs half a microsecond",
    "a format that comes from a text tag",
)
EXPRESSION_CACHE = _limit(
    "EXPRESSION_CACHE",
    4_096,
    "texts",
    "memory: expressions kept for tags with the same text (some 3 kB each)",
    "a generated tag file with a different expression for each tag",
)
EXPRESSION_TEMPLATES = _limit(
    "EXPRESSION_TEMPLATES",
    1_024,
    "shapes",
    "memory: trees kept for expressions that differ only in their tags, numbers and texts (some 4 kB each)",
    "a generated tag file in which each expression has a shape of its own",
)
EXPRESSION_CLOCK_MS = _limit(
    "EXPRESSION_CLOCK_MS",
    100,
    "ms",
    "the event loop: an expression with now() is not evaluated more often by the clock",
    "now(1) in thousands of expressions",
)
EXPRESSION_CHAIN = _limit(
    "EXPRESSION_CHAIN",
    100,
    "expressions",
    "the age of values and the cost of a change: expressions that depend on each other in a row",
    "a counter made of tags that each add one to the one before",
)
EXPRESSION_PATTERNS = _limit(
    "EXPRESSION_PATTERNS",
    100,
    "patterns",
    "the cost of a new tag: different paths with * that begin in the same folder",
    "a generated expression for each tag that searches the whole tree",
)

# --- log --------------------------------------------------------------------------------------------------
LOG_FILE_BYTES = _limit(
    "LOG_FILE_BYTES", 10_485_760, "bytes", "disk: wrapper.log is rotated at this size", "a flapping device"
)
LOG_FILES = _limit(
    "LOG_FILES", 6, "files", "disk: wrapper.log, wrapper.log.1 ... as Ignition keeps", "a flapping device"
)

LOG_TEXT_CHARS = _limit(
    "LOG_TEXT_CHARS",
    2_048,
    "characters",
    "disk: one log message, and each line of a stack trace",
    "an error that carries what a peer sent",
)
LOG_STACK_LINES = _limit(
    "LOG_STACK_LINES", 200, "lines", "disk: of a longer stack trace the first and last half", "a deep recursion"
)

# --- configuration ----------------------------------------------------------------------------------------
GATEWAY_XML_BYTES = _limit(
    "GATEWAY_XML_BYTES", 1_048_576, "bytes", "memory while gateway.xml is read", "a path that names another file"
)
TAG_ARRAY_ITEMS = _limit(
    "TAG_ARRAY_ITEMS",
    4_096,
    "values",
    "memory per array tag, and the pages that show it",
    "a page or script that writes a table into a tag",
)
TAG_DOCUMENT_CHARS = _limit(
    "TAG_DOCUMENT_CHARS",
    65_536,
    "characters",
    "memory per DataSet or Document tag",
    "a page or script that writes a file into a tag",
)
CONFIG_FILE_BYTES = _limit(
    "CONFIG_FILE_BYTES",
    33_554_432,
    "bytes",
    "memory and start-up time per plantgate.toml or tag file",
    "a tag export that grows with every run",
)
CONFIG_ERRORS = _limit(
    "CONFIG_ERRORS", 200, "errors", "the terminal and memory of who reads them", "a generated tag file gone wrong"
)
TAG_XML_DEPTH = _limit(
    "TAG_XML_DEPTH",
    64,
    "folders",
    "the interpreter's stack: tags within tags of an XML export of Ignition",
    "a file that was made to be read for ever",
)
TAG_SALVAGE_ROUNDS = _limit(
    "TAG_SALVAGE_ROUNDS",
    50,
    "loads",
    "the time of an import: of an export of another system so often what is wrong is left out, 200 errors each time",
    "an export in which every tag is wrong",
)
CONFIG_TAGS = _limit(
    "CONFIG_TAGS", 200_000, "tags", "memory and start-up time of one gateway", "a generated tag file gone wrong"
)
TAGS_REMOVED = _limit(
    "TAGS_REMOVED",
    100_000,
    "tags",
    "memory: the row of a tag that was removed while the gateway ran stays (400 bytes): its id means no other",
    "a script that makes and removes tags in a loop",
)
TAG_EDIT_ITEMS = _limit(
    "TAG_EDIT_ITEMS", 5_000, "tags", "memory and time of one edit of tags", "a script that sends a whole plant at once"
)
TAG_EDIT_BYTES = _limit(
    "TAG_EDIT_BYTES",
    4_194_304,
    "bytes",
    "memory and the event loop while an edit of tags is decoded",
    "an endless body",
)
TAG_EDITS_WAITING = _limit(
    "TAG_EDITS_WAITING",
    16,
    "edits",
    "memory: edits of the tag files are made one after the other",
    "a script that edits faster than the disk takes it",
)
TAG_IMPORT_BYTES = _limit(
    "TAG_IMPORT_BYTES", 33_554_432, "bytes", "memory while tags are imported", "an upload of a wrong file"
)
TAG_ALARMS = _limit(
    "TAG_ALARMS", 64, "alarms", "the event loop: each change of a tag asks all of its alarms", "a generated tag file"
)
CONFIG_ALARMS = _limit(
    "CONFIG_ALARMS",
    400_000,
    "alarms",
    "memory and start-up time of one gateway",
    "a type with many alarms and thousands of instances",
)

RETAIN_COMMITS_PER_SECOND = _limit(
    "RETAIN_COMMITS_PER_SECOND",
    10,
    "commits/s",
    "the disk: memory tags that outlive a restart are stored together, the newest value of each",
    "a script that writes such a tag in a loop",
)
DERIVED_SLICE = _limit(
    "DERIVED_SLICE",
    500,
    "tags",
    "the event loop: so many formulas are computed before everybody else has a turn",
    "a change that thousands of expressions follow",
)
UDT_DEPTH = _limit(
    "UDT_DEPTH",
    16,
    "levels",
    "start-up: instances within instances of user-defined types",
    "a type that contains itself",
)

# --- looking at ports -------------------------------------------------------------------------------------
SCAN_CONCURRENCY = _limit(
    "SCAN_CONCURRENCY",
    512,
    "connections",
    "descriptors of this process and the patience of the scanned network",
    "a scan of a subnet with --concurrency as large as it will go",
)
SCAN_ADDRESSES_PER_NAME = _limit(
    "SCAN_ADDRESSES_PER_NAME", 8, "addresses", "the time a scan takes", "a name with hundreds of address records"
)
SCAN_ADDRESSES = _limit(
    "SCAN_ADDRESSES",
    65_536,
    "addresses",
    "the scanned network, and hours of a person's time: more is scanned only with --force",
    "a /8 where a /28 was meant",
)
SCAN_PORTS = _limit(
    "SCAN_PORTS", 1_024, "ports", "the time a scan of one address takes", "a range of all ports, for every address"
)
SCAN_SPARE_DESCRIPTORS = _limit(
    "SCAN_SPARE_DESCRIPTORS",
    32,
    "descriptors",
    "files and listeners of the process that scans: the sockets of a scan leave it so many",
    "a scan where the limit of open files is low (ulimit -n)",
)
SCAN_HELD_HOSTS = _limit(
    "SCAN_HELD_HOSTS",
    1_024,
    "hosts",
    "memory: hosts that are known and wait for an earlier one, or to be probed; then no more are looked at",
    "a subnet with one host that answers slowly",
)
SCAN_PROBED_HOSTS = _limit(
    "SCAN_PROBED_HOSTS",
    8,
    "hosts",
    "sockets and the scanned network: hosts that are probed at the same time",
    "a subnet",
)
HELLO_BYTES = _limit(
    "HELLO_BYTES",
    262_144,
    "bytes",
    "memory per probed port; a full list of OPC UA endpoints with certificates takes 60 kB",
    "a port that answers a hello without end",
)
HELLO_HEADER_BYTES = _limit(
    "HELLO_HEADER_BYTES", 16_384, "bytes", "memory per probed port: HTTP headers", "a web server gone wrong"
)
HELLO_BODY_BYTES = _limit(
    "HELLO_BODY_BYTES",
    65_536,
    "bytes",
    "memory per probed port: one HTTP body or database message; longer ones are cut or refused",
    "a port that answers with a document",
)
HELLO_ENDPOINTS = _limit(
    "HELLO_ENDPOINTS", 256, "entries", "the time of a probe: one list in an OPC UA answer", "a forged OPC UA server"
)
HELLO_CERTIFICATES = _limit(
    "HELLO_CERTIFICATES", 10, "certificates", "the time of a probe: the chain of a TLS server", "a forged TLS server"
)
FREE_PORT_TRIES = _limit(
    "FREE_PORT_TRIES", 100, "ports", "the time until a free port is offered", "a host with a full range of listeners"
)
LEFTOVER_SECONDS = _limit(
    "LEFTOVER_SECONDS",
    600,
    "s",
    "a file that is being written beside the one it will replace: a write takes far less, even on a slow share",
    "clocks of this host and of a file share that differ",
)
PORT_REVERT_SECONDS = _limit(
    "PORT_REVERT_SECONDS",
    86_400,
    "s",
    "the memory of people: a port that changes back after days surprises everybody",
    "a change on trial that nobody ever confirms",
)

DOCTOR_FILE_BYTES = _limit(
    "DOCTOR_FILE_BYTES",
    1_048_576,
    "bytes",
    "memory and time of the doctor: of what a program of the system prints and of files it reads the first so many",
    "a firewall with tens of thousands of rules",
)
DOCTOR_LOG_BYTES = _limit(
    "DOCTOR_LOG_BYTES",
    4_194_304,
    "bytes",
    "the time of the doctor: so much of the end of wrapper.log is read",
    "a log that nobody rotates",
)
DOCTOR_FILES = _limit(
    "DOCTOR_FILES",
    10_000,
    "files",
    "the time of the doctor: so many files below state/ and pki/ are looked at",
    "a data directory that another program fills",
)
DOCTOR_PORTS = _limit(
    "DOCTOR_PORTS",
    64,
    "ports",
    "the time of a look at a host from outside",
    "a configuration with thousands of devices",
)
WATCH_PEERS = _limit(
    "WATCH_PEERS",
    1_000,
    "addresses per port",
    "memory of `ports watch`: of more remote addresses only the total is kept",
    "a port that the whole internet connects to",
)

# --- access -----------------------------------------------------------------------------------------------
ACCESS_ANSWERS = _limit(
    "ACCESS_ANSWERS",
    2_048,
    "badges",
    "memory and the event loop: badges being answered at the same time; one reader gets no more than it leaves free",
    "very many doors on a PLC that does not answer",
)
ACCESS_JOURNAL_BACKLOG = _limit(
    "ACCESS_JOURNAL_BACKLOG",
    10_000,
    "decisions",
    "memory while the disk of the badge journal is slow or full; one reader gets no more of it than it leaves free",
    "a forged reader, together with a full disk",
)
ACCESS_HOLDERS = _limit(
    "ACCESS_HOLDERS", 200_000, "holders", "memory: some 300 bytes each", "an import of a wrong file"
)
ACCESS_CARDS = _limit("ACCESS_CARDS", 200_000, "cards", "memory: some 350 bytes each", "an import of a wrong file")
ACCESS_RULES = _limit(
    "ACCESS_RULES",
    2_000,
    "rules",
    "the time of a decision at a reader that many rules name",
    "a script that makes a rule for every person",
)
ACCESS_NAMES = _limit(
    "ACCESS_NAMES",
    2_000,
    "of a kind",
    "memory and the pages: groups, zones, passages, calendars, schedules, lockdowns",
    "a script that makes a group for every person",
)
ACCESS_LIST = _limit(
    "ACCESS_LIST",
    1_000,
    "entries",
    "memory and the time of a check: one list of a holder, rule, calendar or schedule",
    "a calendar with every day of a century",
)
ACCESS_NAME_CHARS = _limit(
    "ACCESS_NAME_CHARS", 100, "characters", "the pages and the log: a name or key", "an import of a wrong file"
)
ACCESS_NOTE_CHARS = _limit(
    "ACCESS_NOTE_CHARS", 1_000, "characters", "memory and disk: a note", "somebody who pastes a document"
)
ACCESS_FAULTS = _limit(
    "ACCESS_FAULTS",
    100,
    "faults",
    "the answer and who reads it: of more only the number is told",
    "an import of a file with a wrong column",
)
ACCESS_CHANGES_WAITING = _limit(
    "ACCESS_CHANGES_WAITING", 64, "changes", "memory while the disk is slow", "a script that changes without waiting"
)
ACCESS_CHANGES_KEPT = _limit(
    "ACCESS_CHANGES_KEPT",
    50_000,
    "changes",
    "disk (some 40 MB): who changed what; the oldest go first",
    "an import that changes every holder, once a night",
)
ACCESS_RULE_CACHE = _limit(
    "ACCESS_RULE_CACHE",
    1_024,
    "readers",
    "memory: the rules of so many readers are kept ready; at more readers a decision takes longer",
    "badges of readers that exist in no configuration",
)
ACCESS_CSV_BYTES = _limit(
    "ACCESS_CSV_BYTES", 33_554_432, "bytes", "memory: 200,000 rows of 160 bytes", "an import of a wrong file"
)
ACCESS_PICTURE_BYTES = _limit(
    "ACCESS_PICTURE_BYTES", 100_000, "bytes", "disk and pages: one holder's picture", "a photo as a camera makes it"
)
ACCESS_RESTORED_EVENTS = _limit(
    "ACCESS_RESTORED_EVENTS",
    200_000,
    "badge events",
    "the time of a start: so many of the newest are looked at for who is inside",
    "a reader that saw cards without end",
)
ACCESS_WHAT_IF_EVENTS = _limit(
    "ACCESS_WHAT_IF_EVENTS",
    100_000,
    "badge events",
    "memory and time of one what-if: the newest so many are decided anew",
    "a what-if over years",
)
ACCESS_WHAT_IF_CHANGES = _limit(
    "ACCESS_WHAT_IF_CHANGES",
    1_000,
    "events",
    "the answer of a what-if: of more that would be decided otherwise only the number is told",
    "proposed rules that deny everybody",
)

# --- signing in -------------------------------------------------------------------------------------------
SIGN_IN_LINKS = _limit(
    "SIGN_IN_LINKS",
    16,
    "links",
    "the data directory: unused sign-in links that are good at the same time",
    "a script that asks for a link at every run",
)
SESSIONS = _limit(
    "SESSIONS", 64, "sessions", "memory; the one unused for longest is signed out", "a browser that forgets its cookies"
)
ACCOUNTS = _limit(
    "ACCOUNTS", 1_000, "accounts", "memory, and the time in which they are read", "a script that adds accounts"
)
ACCOUNT_NAME_CHARS = _limit(
    "ACCOUNT_NAME_CHARS", 64, "characters", "the pages and the log: the name of an account", "a forged sign-in"
)
ACCOUNT_CHANGES_KEPT = _limit(
    "ACCOUNT_CHANGES_KEPT",
    10_000,
    "changes",
    "disk: who changed which account; the oldest go first",
    "a script that changes accounts in a loop",
)
PASSWORD_CHARS_MIN = _limit(
    "PASSWORD_CHARS_MIN", 10, "characters", "accounts: shorter passwords are guessed", "people in a hurry"
)
PASSWORD_BYTES = _limit(
    "PASSWORD_BYTES", 512, "bytes", "memory and time before a password is known", "a sign-in with a megabyte"
)
PASSWORD_HASH_KIB = _limit(
    "PASSWORD_HASH_KIB",
    32_768,
    "KiB",
    "memory: what Argon2id takes for one password; one is computed at a time, so this is the whole cost",
    "a flood of sign-ins",
)
PASSWORD_HASH_PASSES = _limit(
    "PASSWORD_HASH_PASSES",
    3,
    "passes",
    "the processor: with 32 MiB 65 ms of one core a password; who steals the file pays the same for each guess",
    "a flood of sign-ins",
)
PASSWORDS_WAITING = _limit(
    "PASSWORDS_WAITING",
    256,
    "sign-ins",
    "memory, and the patience of who waits: addresses take turns, more at once are refused",
    "a flood of sign-ins from many addresses",
)
PASSWORDS_WAITING_PER_ADDRESS = _limit(
    "PASSWORDS_WAITING_PER_ADDRESS",
    128,
    "sign-ins",
    "a place for other addresses; 100 OPC UA sessions of one host come back together after a restart",
    "a flood of sign-ins from one address",
)
LOCKOUT_TRIES = _limit(
    "LOCKOUT_TRIES", 5, "wrong passwords", "an account: then its name is locked for that address", "guessing"
)
LOCKOUT_SECONDS = _limit(
    "LOCKOUT_SECONDS",
    900,
    "s",
    "an account: wrong passwords are counted for so long, and the lock holds for so long",
    "guessing",
)
LOCKOUT_ENTRIES = _limit(
    "LOCKOUT_ENTRIES",
    20_000,
    "names and addresses",
    "memory (some 8 MB): wrong passwords are counted for so many; at 65 ms each, fewer can be tried in 15 minutes",
    "guessing with names without end",
)

# --- history ----------------------------------------------------------------------------------------------
HISTORY_COMMIT_POINTS = _limit(
    "HISTORY_COMMIT_POINTS",
    5_000,
    "points",
    "the age of what is not yet on disk: so many waiting points are committed before the interval is over",
    "a driver that reports much faster than it was planned for",
)
HISTORY_COMMIT_MS = _limit(
    "HISTORY_COMMIT_MS",
    250,
    "ms",
    "at most so much is lost when the power goes; longer spares SD cards, shorter costs an fsync each",
    "power cuts",
)
HISTORY_QUEUE_POINTS = _limit(
    "HISTORY_QUEUE_POINTS",
    500_000,
    "points (a text counts as 16)",
    "memory (some 40 MB) while the disk is slow, full or broken; what comes on top is a recorded gap",
    "a disk that is full for longer than 100 s at 5,000 points/s",
)
HISTORY_HOT_POINTS = _limit(
    "HISTORY_HOT_POINTS",
    1_000_000,
    "points (a text counts as 16)",
    "memory (18 bytes a point) and the time to open the store; beyond it the oldest become blocks early",
    "very many slow tags, none of which fills a block",
)
HISTORY_LOG_POINTS = _limit(
    "HISTORY_LOG_POINTS",
    2_000_000,
    "points",
    "the time to open the store: the log of what is not in blocks is read whole",
    "a few slow tags among fast ones, whose old points keep the log from being cut",
)
HISTORY_LOG_ROWS = _limit(
    "HISTORY_LOG_ROWS",
    20_000,
    "commits",
    "the time to open the store after days of few points",
    "slow tags only",
)
HISTORY_SEAL_POINTS = _limit(
    "HISTORY_SEAL_POINTS",
    1_000,
    "points",
    "bytes per point: a tag gets a compressed block when it has so many",
    "nobody: longer blocks compress little better and cost each query more",
)
HISTORY_BLOCK_POINTS = _limit(
    "HISTORY_BLOCK_POINTS",
    2_000,
    "points per block",
    "the cost of reading one point, and what one damaged block loses",
    "one tag that gets thousands of points in one commit",
)
HISTORY_BLOCK_BYTES = _limit(
    "HISTORY_BLOCK_BYTES",
    33_554_432,
    "bytes",
    "memory when a block is unpacked: 2,000 texts of the longest kind",
    "a forged history file that unpacks without end",
)
HISTORY_TEXT_CHARS = _limit(
    "HISTORY_TEXT_CHARS",
    1_024,
    "characters",
    "disk and memory: a longer text value is cut in the history (not in the live tag)",
    "a device that sends a document as a tag value",
)
HISTORY_QUERY_POINTS = _limit(
    "HISTORY_QUERY_POINTS",
    1_000_000,
    "points per query",
    "memory (some 100 MB) and the time of a query without max_points",
    "a script that asks for years of raw points at once",
)
JOURNAL_EVENTS = _limit(
    "JOURNAL_EVENTS",
    1_000_000,
    "badge events",
    "disk (some 350 MB): the oldest go first",
    "a reader that sees cards without end",
)
JOURNAL_WAITING = _limit(
    "JOURNAL_WAITING",
    10_000,
    "badge events",
    "memory while the disk is slow: further badges are told that nothing was stored",
    "a full disk, or a reader that sees cards without end",
)

# --- HTTP -------------------------------------------------------------------------------------------------
HTTP_HEADER_BYTES = _limit(
    "HTTP_HEADER_BYTES",
    65_536,
    "bytes",
    "memory of a connection before its request is known",
    "an endless request header",
)
HTTP_BODY_SECONDS = _limit(
    "HTTP_BODY_SECONDS", 10, "s", "a connection slot: the whole body must arrive within it", "a client that dribbles"
)
HTTP_STALL_SECONDS = _limit(
    "HTTP_STALL_SECONDS",
    10,
    "s",
    "a connection slot and what waits to be sent on it: a peer that took nothing for so long is cut off",
    "a client that asks and never reads the answer",
)
HTTP_PIPELINED = _limit(
    "HTTP_PIPELINED",
    16,
    "requests",
    "memory and fairness: requests of one connection that wait behind the one being answered",
    "a client that sends thousands of requests in one piece",
)
SEARCH_WORDS = _limit(
    "SEARCH_WORDS", 16, "words", "the event loop: each word is looked for in every tag", "a search of a whole document"
)
TLS_HANDSHAKE_SECONDS = _limit(
    "TLS_HANDSHAKE_SECONDS", 5, "s", "a connection slot before TLS is up", "a client that opens and says nothing"
)
PAGE_ROWS = _limit(
    "PAGE_ROWS", 5_000, "rows", "memory and time of one list answer", "a script that asks for everything"
)
HISTORY_POINTS = _limit(
    "HISTORY_POINTS",
    500_000,
    "points",
    "memory and time of one history answer",
    "a chart over years without max_points",
)
HISTORY_JSON_POINTS = _limit(
    "HISTORY_JSON_POINTS",
    50_000,
    "points",
    "the event loop: encoding so many takes 12 ms; a screen shows 4,000, CSV is sent in pieces",
    "a script that asks for JSON where CSV is meant",
)
STREAM_PATHS = _limit(
    "STREAM_PATHS", 10_000, "paths", "memory of one WebSocket subscription", "a page that names every tag twice"
)
STREAM_MESSAGE_BYTES = _limit(
    "STREAM_MESSAGE_BYTES",
    1_048_576,
    "bytes",
    "memory per WebSocket: what a page may send at once",
    "an endless message",
)
BALANCER_GATEWAYS = _limit(
    "BALANCER_GATEWAYS",
    64,
    "gateways",
    "the gateways themselves: each balancer asks each of them for its health every 2 s",
    "a script that names every host of a network",
)

# --- OPC UA -----------------------------------------------------------------------------------------------
TRUST_CHAIN = _limit(
    "TRUST_CHAIN",
    5,
    "certificates",
    "the processor: each certificate of a chain costs the check of a signature",
    "a client that presents a chain without end",
)
TRUST_CERTIFICATE_BYTES = _limit(
    "TRUST_CERTIFICATE_BYTES",
    16_384,
    "bytes",
    "memory and time before anything is known of a peer; a certificate with RSA 4096 and ten names takes 2 kB",
    "a client that presents megabytes as its certificate",
)
TRUST_CERTIFICATE_NAMES = _limit(
    "TRUST_CERTIFICATE_NAMES",
    100,
    "names",
    "time and log lines: alternative names of one certificate that are looked at",
    "a forged certificate with thousands of names",
)
TRUST_RSA_BITS_MIN = _limit(
    "TRUST_RSA_BITS_MIN", 2_048, "bits", "whoever relies on a signature: shorter keys can be broken", "an old device"
)
TRUST_RSA_BITS_MAX = _limit(
    "TRUST_RSA_BITS_MAX",
    8_192,
    "bits",
    "the processor: a longer key costs milliseconds a signature (Basic256Sha256 ends at 4,096)",
    "a forged certificate with a key of 16,384 bits",
)
TRUST_FILE_BYTES = _limit(
    "TRUST_FILE_BYTES", 262_144, "bytes", "memory: one file of a trust folder", "a file of another kind put there"
)
TRUST_FILES = _limit(
    "TRUST_FILES",
    1_000,
    "files",
    "memory and the time of a look: files of one trust folder, and certificates in them",
    "a folder that a program fills",
)
TRUST_CRL_BYTES = _limit(
    "TRUST_CRL_BYTES",
    4_194_304,
    "bytes",
    "memory: one revocation list, about 100,000 entries",
    "a file of another kind put there",
)
TRUST_REJECTED = _limit(
    "TRUST_REJECTED",
    100,
    "certificates",
    "disk, and who looks through them: unknown certificates that are kept; the oldest go",
    "a client that presents another certificate each time",
)
TRUST_REJECTED_PER_MINUTE = _limit(
    "TRUST_REJECTED_PER_MINUTE",
    60,
    "files",
    "the disk: unknown certificates that are written; more are only refused",
    "a client that presents another certificate each time",
)
OPCUA_CHUNK_BYTES = _limit(
    "OPCUA_CHUNK_BYTES",
    65_536,
    "bytes",
    "memory per connection: a chunk above it is refused on its eight-byte header",
    "a client that announces a chunk of two gigabytes",
)
OPCUA_OPENING_MESSAGE_BYTES = _limit(
    "OPCUA_OPENING_MESSAGE_BYTES",
    4_194_304,
    "bytes",
    "memory per connection: one message before a session is activated",
    "a client that never signs in and sends chunks without end",
)
OPCUA_OPENING_CHUNKS = _limit(
    "OPCUA_OPENING_CHUNKS",
    64,
    "chunks",
    "the same: the chunks of one message before a session is activated",
    "a client that never signs in and sends tiny chunks",
)
OPCUA_MESSAGE_BYTES = _limit(
    "OPCUA_MESSAGE_BYTES",
    16_777_216,
    "bytes",
    "memory per connection: one message of an activated session, and one answer to our client",
    "a client that writes documents, a server that answers without end",
)
OPCUA_CHUNKS = _limit(
    "OPCUA_CHUNKS",
    2_048,
    "chunks",
    "the same: 16 MB in the smallest chunks that the protocol allows (8 kB)",
    "a peer that sends empty chunks without end",
)
OPCUA_URL_BYTES = _limit(
    "OPCUA_URL_BYTES", 4_096, "bytes", "memory before a channel: the URL in a Hello; Part 6, 7.1.2.3", "a forged Hello"
)
OPCUA_REASON_BYTES = _limit(
    "OPCUA_REASON_BYTES",
    4_096,
    "bytes",
    "memory: the reason in an error message; Part 6, 7.1.2.5",
    "a server that ends a connection with a document",
)
OPCUA_OPEN_BLOCKS = _limit(
    "OPCUA_OPEN_BLOCKS",
    16,
    "RSA blocks",
    "the processor: each block of a request for a channel costs a millisecond; two to four are usual",
    "a trusted client that fills 64 kB with them",
)
OPCUA_CHAIN_CERTIFICATES = _limit(
    "OPCUA_CHAIN_CERTIFICATES",
    10,
    "certificates",
    "the processor: certificates that a peer sends with its own; Part 6, 6.7.2.3",
    "a client that sends thousands of issuers",
)
OPCUA_TOKEN_LEAST_MS = _limit(
    "OPCUA_TOKEN_LEAST_MS",
    5_000,
    "ms",
    "the processor: a channel's keys live at least so long, each renewal costs two RSA operations",
    "a client that asks for a lifetime of a millisecond",
)
OPCUA_TOKEN_MS = _limit(
    "OPCUA_TOKEN_MS",
    3_600_000,
    "ms",
    "what is encrypted with one key, and a connection whose client is gone",
    "a client that asks for a lifetime of weeks",
)
OPCUA_OBJECTS = _limit(
    "OPCUA_OBJECTS",
    200_000,
    "values",
    "memory (some 50 MB) and the event loop (some 1 s): what is built of one message; four array numbers count as one",
    "a client that packs an array of two billion nulls into five bytes",
)
OPCUA_PLAIN_BYTES = _limit(
    "OPCUA_PLAIN_BYTES",
    4_194_304,
    "bytes",
    "memory (some 100 MB) and the event loop (some 1 s): longer messages of values are decoded by the way that counts",
    "a peer that sends millions of empty values in one message",
)
OPCUA_NESTING = _limit(
    "OPCUA_NESTING",
    100,
    "levels",
    "the interpreter's stack: values in values; Part 6, 5.1.5 demands so many",
    "a client that nests a Variant in a Variant four million times",
)
OPCUA_NODES_PER_READ = _limit(
    "OPCUA_NODES_PER_READ",
    10_000,
    "attributes",
    "the event loop and memory: what one Read asks for; advertised as MaxNodesPerRead",
    "a client that reads a whole plant with one request",
)
OPCUA_NODES_PER_WRITE = _limit(
    "OPCUA_NODES_PER_WRITE",
    10_000,
    "values",
    "devices and the audit log: what one Write sets; advertised as MaxNodesPerWrite",
    "a client that writes a whole plant with one request",
)
OPCUA_READ_BYTES = _limit(
    "OPCUA_READ_BYTES",
    8_388_608,
    "bytes",
    "memory: the values of one answer, about; longer texts and arrays must be read in parts",
    "a client that reads every document of a plant at once",
)
OPCUA_NODES_PER_BROWSE = _limit(
    "OPCUA_NODES_PER_BROWSE",
    1_000,
    "nodes",
    "the event loop: what one Browse asks for; advertised as MaxNodesPerBrowse",
    "a client that walks the tree level by level with huge requests",
)
OPCUA_BROWSE_BYTES = _limit(
    "OPCUA_BROWSE_BYTES",
    131_072,
    "bytes",
    "the event loop: the references of one answer, about 1,500; the rest waits at a continuation point",
    "a client that browses a folder of 100,000 tags without a limit of its own",
)
OPCUA_BROWSE_POINTS = _limit(
    "OPCUA_BROWSE_POINTS",
    100,
    "continuation points",
    "memory of one session; advertised as MaxBrowseContinuationPoints",
    "a client that begins to browse and never goes on",
)
OPCUA_NODES_PER_TRANSLATE = _limit(
    "OPCUA_NODES_PER_TRANSLATE",
    1_000,
    "paths",
    "the event loop: what one TranslateBrowsePathsToNodeIds asks for; advertised",
    "a client that translates a path for each of its screens at once",
)
OPCUA_PATH_STEPS = _limit(
    "OPCUA_PATH_STEPS",
    10_000,
    "steps",
    "the event loop: elements of all paths of one request, which take 10 to 15 us each",
    "paths that go up and down the tree thousands of times",
)
OPCUA_NODES_PER_REGISTER = _limit(
    "OPCUA_NODES_PER_REGISTER",
    10_000,
    "nodes",
    "memory: what one RegisterNodes asks for; advertised as MaxNodesPerRegisterNodes",
    "a client that registers a whole plant at once",
)
OPCUA_ROLE_SETS = _limit(
    "OPCUA_ROLE_SETS",
    32,
    "sets of rights",
    "memory: 1 MB each at 100,000 tags, what a set of rights may browse; the oldest are worked out again",
    "a configuration with hundreds of roles",
)
