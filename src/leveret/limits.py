"""Every bound of the broker in one place. A table, cache or buffer that is not bounded here is a bug.

Sizes are in bytes, times in milliseconds (the unit is the last word of the name).
"""

from typing import Final

# AMQP 0-9-1 negotiation (RabbitMQ's defaults).
FRAME_MAX_MIN: Final = 8192
"""RabbitMQ 4 refuses a negotiated frame_max below this."""
FRAME_MAX: Final = 131072
INITIAL_FRAME_MAX: Final = 8192
"""Before the connection is open: nobody needs more to log in."""
FRAME_FUDGE: Final = 8
"""RabbitMQ forgives a frame payload this much over the negotiated maximum (clients count the envelope differently)."""
CHANNEL_MAX: Final = 2047
HEARTBEAT_S: Final = 60
PRELUDE_TIMEOUT_MS: Final = 5_000
"""For a TLS handshake, or a PROXY header."""
CERTIFICATES_LOOK_MS: Final = 10_000
"""Between two looks at whether certificates have changed."""
HANDSHAKE_TIMEOUT_MS: Final = 10_000
CLOSE_TIMEOUT_MS: Final = 3_000
"""How long a peer has to answer connection.close before its socket is dropped."""

MESSAGE_SIZE_MAX: Final = 16 * 1024 * 1024
MESSAGE_SIZE_HARD_MAX: Final = 512 * 1024 * 1024
PARTIAL_SIZE_MAX: Final = 256 * 1024 * 1024
"""Messages of one connection that are half received, together; never less than two of the largest."""
EXPIRATION_MAX_MS: Final = 315_360_000_000
"""Ten years: RabbitMQ takes no longer `expiration` (rabbit_misc:check_expiry)."""
SHORTSTR_MAX: Final = 255
TABLE_DEPTH_MAX: Final = 32
"""Nested tables and arrays deeper than this are refused: deep nesting is an attack, not data."""
CONSUMERS_PER_CHANNEL_MAX: Final = 65_536
EXPIRY_MAX_MS: Final = 10 * 365 * 24 * 3600 * 1000
"""Of messages and queues, as RabbitMQ: ten years."""
PRIORITY_MAX: Final = 255
"""Levels of one queue above the lowest."""
PREFETCH_MAX: Final = 65_535

# Deliveries that have to be settled in time.
TIMEOUT_LOOKS: Final = 8
"""So often a channel is looked at within the shortest timeout on it, but not more often or more rarely than the next
two say (RabbitMQ: every minute)."""
TIMEOUT_LOOK_MIN_MS: Final = 100
TIMEOUT_LOOK_MAX_MS: Final = 60_000
TIMEOUT_OWNERS_PER_LOOK: Final = 2048
TIMEOUTS_PER_LOOK: Final = 32
"""Consumers that are cancelled at once; each costs a pass over what is outstanding on the channel."""
TIMEOUT_MARKS_MAX: Final = 64
"""Of one channel: at these times it is known what had been delivered."""

# Virtual hosts, users and what they may do.
VHOSTS_MAX: Final = 10_000
PREDECLARED_IDS: Final = 16
"""Ids that a virtual host takes for the exchanges it has from the start; more than they are."""
VHOST_STEP_MS: Final = 1
"""Of one turn, for one that is being deleted."""
USERS_MAX: Final = 100_000
PERMISSIONS_PER_USER_MAX: Final = VHOSTS_MAX
TOPIC_PERMISSIONS_PER_USER_MAX: Final = 10_000
PARAMETERS_MAX: Final = 10_000
PARAMETER_SIZE_MAX: Final = 64 * 1024
PARAMETER_DEPTH_MAX: Final = 64
"""Lists and objects in one another."""
NAME_BYTES_MAX: Final = 255
"""Of a user, a tag, a virtual host."""
TAGS_MAX: Final = 64
PASSWORD_HASH_SIZE_MAX: Final = 1024
DEFINITIONS_SIZE_MAX: Final = 256 * 1024 * 1024
"""A file of 1,000,000 queues."""
LISTEN_BACKLOG: Final = 4096
"""Connections that wait to be accepted."""
API_BODY_MAX: Final = 64 * 1024 * 1024
"""Of one request; a definition file is the largest."""
LOGIN_BODY_MAX: Final = 64 * 1024
"""Of somebody nobody knows yet."""
PAGE_SIZE_MAX: Final = 500
"""Objects on one page of a listing (RabbitMQ's too)."""
SESSIONS_MAX: Final = 10_000
"""Of people who are logged in to the management interface."""
API_CONNECTIONS_MAX: Final = 1_000
API_REQUEST_TIMEOUT_MS: Final = 30_000
"""For a request to be there whole."""
API_ANSWER_TIMEOUT_MS: Final = 30_000
"""In which API_ANSWER_BYTES_MIN of an answer have to be taken, if so much waits."""
API_ANSWER_BYTES_MIN: Final = 16 * 1024
SAMPLE_INTERVAL_MS: Final = 5_000
SAMPLES_MAX: Final = 122
"""Of one object: ten minutes (RabbitMQ: 605 s). What does not change takes two."""
SAMPLES_TOTAL_MAX: Final = 500_000
"""Over that, objects keep the newest two only, which rates need."""
HOPS_MAX: Final = 1_000
"""Steps of one message through exchanges that are explained."""
HOP_BINDINGS_MAX: Final = 100
"""Bindings between the same two that are looked at for one step."""
PEEK_MAX: Final = 500
"""Messages that one request looks at."""
SEARCH_SCAN_MAX: Final = 100_000
"""Messages that one request searches; then it says where to go on."""
SEARCH_TEXT_MAX: Final = 1_000
ACTION_IDS_MAX: Final = 10_000
"""Messages that one request names."""
TOPOLOGY_NODES_MAX: Final = 5_000
TOPOLOGY_EDGES_MAX: Final = 20_000
EVENT_READERS_MAX: Final = 100
EVENT_READER_LIFE_MS: Final = 15 * 60_000
"""Then it has to say again who it is."""
EVENTS_WAITING_MAX: Final = 1_000
"""That one reader has not taken yet; then it is dropped."""
HISTORY_MAX: Final = 10_000
"""Points that one request asks for, of each figure."""
API_GET_MAX: Final = 10_000
"""Messages that one request gets."""
API_ANSWER_MAX: Final = 32 * 1024 * 1024
"""Payload in one answer: with so much it has no more messages."""
SEARCH_BYTES_MAX: Final = 256 * 1024 * 1024
"""Of messages that one request searches; then it says where to go on."""
RIGHTS_CACHED_MAX: Final = 1_000
"""Decisions of one user in one virtual host."""
REMOTE_DECISIONS_MAX: Final = 16_384
"""Those of somebody else, about one connection; more than keys that one decoder has."""
TOKEN_SIZE_MAX: Final = 16 * 1024
SCOPES_MAX: Final = 1_000
FETCHES_MAX: Final = 100
"""Questions to other servers at once."""
FETCH_TIMEOUT_MS: Final = 15_000
FETCH_BODY_MAX: Final = 1024 * 1024
KEYS_LOOK_MS: Final = 30_000
"""Between two looks for a key that is not known."""
CREDENTIALS_REMEMBERED_MAX: Final = 10_000
"""Passwords that were right, each under a keyed hash."""
LOGINS_WAITING_MAX: Final = 20_000
"""Passwords that wait to be hashed; more are refused."""
LOGIN_REFUSAL_DELAY_MS: Final = 3_000
"""After this time a login that was refused is told so: whoever guesses has to wait (RabbitMQ's too)."""
LOGIN_FAILURES_MAX: Final = 10
"""Of one address in LOGIN_FAILURES_MS; then its passwords are not looked at until the minute is over."""
LOGIN_FAILURES_MS: Final = 60_000
LOGIN_ADDRESSES_MAX: Final = 10_000

# Policies.
POLICIES_MAX: Final = 1_000
"""Of one virtual host: each new object is held against them."""
POLICY_DEFINITION_SIZE_MAX: Final = 16 * 1024
PATTERN_LENGTH_MAX: Final = 1024
PATTERN_SIZE_MAX: Final = 10_000
"""Steps of a pattern when everything counted in it is written out."""
PATTERN_TIMEOUT_S: Final = 0.005
"""A search that goes on for so long finds nothing."""
POLICY_STEP_MS: Final = 1
"""Of one turn, for objects whose policies changed."""

# Messages and queues that expire, and what is over a length limit.
DELAY_MAX_MS: Final = (1 << 32) - 1
"""Of the header `x-delay`; more than that is no delay (RabbitMQ)."""
EXPIRY_GRAIN_MS: Final = 10
"""What expires within this time goes together."""
FETCH_RETRY_MS: Final = 1_000
"""When what expired is to be read from disk first it is looked for again after this time, at the latest."""
UPKEEP_STEP_MS: Final = 1
"""Of one turn."""

# Events and traces, which the broker publishes itself.
NOTICES_MAX: Final = 10_000
"""Of one turn."""
NOTICE_BYTES_MAX: Final = 16 * 1024 * 1024
NOTICE_PROPERTIES_MAX: Final = FRAME_MAX - 64
"""Bytes of one: a content header is one frame, which cannot be split."""

# One turn of the event loop.
TURN_BUDGET_MS: Final = 2
READ_SIZE_MAX: Final = 256 * 1024
READ_SIZE_MIN: Final = 8 * 1024
READ_BYTES_PER_TURN: Final = 512 * 1024
"""Shared between the connections that are readable in a turn; each may read READ_SIZE_MIN at least."""
READERS_PER_TURN: Final = 256
READ_MS_PER_TURN: Final = 6
"""Then the other sockets that are ready wait for the next turn: a login costs as much as some hundred messages."""
LARGE_CONTENT_SIZE: Final = 8 * 1024
"""A connection with this much of a message half received may read its whole share at once, over READ_SIZE_MAX: large
messages cost little but their copying, and small reads would come to one or two of them."""

# Flow: a publisher whose messages queue up faster than consumers take them is read after everybody else. Otherwise
# turns are spent on what nobody waits for, and the acks of consumers wait behind it.
FLOW_MESSAGES: Final = 4096
"""Ready messages in a queue that has consumers."""
FLOW_BYTES: Final = 4 * 1024 * 1024
"""Their bodies, in the last extent."""
FLOW_WAIT_MS: Final = 4
"""So long others go first while they have something to say: a slow consumer does not stop its publishers."""

# Alarms.
MEMORY_CLEAR_PERCENT: Final = 95
"""Of the limit: with less payload than this in memory its alarm is cleared."""
ALARM_CHECK_MS: Final = 1_000
"""Between two looks at the free space of the disk."""

# Housekeeping: giving back arenas of which little is still needed.
HOUSEKEEPING_MS: Final = 2_000
"""Between two passes over all queues."""
HOUSEKEEPING_PAUSE_MS: Final = 20
"""Between two steps of a pass."""
HOUSEKEEPING_STEP_MS: Final = 1
COMPACT_BYTES: Final = 512 * 1024
"""Bytes copied between two looks at the clock."""
COMPACT_POOL_MIN: Final = 8 * 1024 * 1024
"""With less payload than this in memory there is nothing worth looking for."""

# Buffers of one connection.
OUTPUT_HIGH: Final = 1024 * 1024
"""Deliveries stop while this much waits to be written to a connection."""
OUTPUT_STOP_READING: Final = 4 * 1024 * 1024
"""A peer that sends requests but reads no answers is not read any more."""
INBOX_EVENTS_MAX: Final = 4096
"""Events that wait for a parked channel; the socket is not read past this."""
INBOX_EVENT_SIZE: Final = 4096
"""Large ones count once more for each so many bytes."""

# Caches.
ROUTES_CACHED_MAX: Final = 65_536
KEYS_PER_DECODER_MAX: Final = 4096
KEY_BYTES_PER_DECODER_MAX: Final = 256 * 1024
ARENA_SIZE: Final = 256 * 1024

# Disk.
FILES_OPEN_MAX: Final = 64
"""Open files that one disk keeps for the next write or read."""

# Routing.
TOPIC_HASHES_MAX: Final = 2
"""'#' in one binding key of a topic exchange, as RabbitMQ 4.3.5."""
HASH_WEIGHT_MAX: Final = 1_000_000
"""Weight of one binding of a consistent hash exchange."""
SELECTOR_SIZE_MAX: Final = 16 * 1024
"""Characters of a message selector."""
SELECTOR_DEPTH_MAX: Final = 64
"""How deep its conditions nest; RabbitMQ reads 16. One more AND of its JMS client is one deeper."""
SELECTOR_BITS_MAX: Final = 1024
"""Of an integer that it calculates; about what floats reach."""
LIKE_STEPS_MAX: Final = 250_000
"""Characters that one LIKE compares in vain before it gives up: some milliseconds."""
HISTORY_LENGTH_MAX: Final = 10_000
"""Messages that a recent history exchange may be told to keep."""
HISTORY_BYTES_MAX: Final = 64 * 1024 * 1024
"""What one keeps at most; the oldest go."""

# Paging: extents that are on disk only.
EXTENT_BYTES: Final = 4 * 1024 * 1024
"""An extent with so many bytes ready takes no more: it is read back as a whole."""
ROWS_BYTES: Final = 96 * 1024
"""What the rows of a full extent take in memory, beside its messages."""
READ_AHEAD_BYTES: Final = 8 * 1024 * 1024
"""Of a queue's next messages, brought back before its consumers come to them."""
READ_AHEAD_EXTENTS: Final = 16
FETCH_GAP: Final = 16 * 1024
"""Bytes between two blocks that are read along rather than asked for separately."""
FETCH_SIZE_MAX: Final = 1024 * 1024
"""One read."""
READS_MAX: Final = 10
"""So often an extent that the disk does not give is asked for, some time apart; then it counts as damaged."""
SPILLING_BYTES_MAX: Final = 32 * 1024 * 1024
"""On their way to the spill; publishers wait past this."""
SPILL_FILE_SIZE: Final = 64 * 1024 * 1024

# The log.
SEGMENT_SIZE: Final = 16 * 1024 * 1024
LOG_LAG_BYTES: Final = 16 * 1024 * 1024
"""Appended and not written; publishers wait past this, or past what the spare segment has room for."""
CHECKPOINT_LOG_MIN: Final = 64 * 1024 * 1024
"""A log that grew by this much gets a checkpoint."""
CHECKPOINT_RECORD_SIZE: Final = 256 * 1024
"""About the size of the records in which a long queue is told."""
