"""Logs as JSON lines, one registry of metrics, and the request id that ties them together."""

import logging
import sys
import time
import traceback
from contextvars import ContextVar

import orjson
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that the current task serves; it stands in every log line of that task."""

REGISTRY = CollectorRegistry()

_LATENCY_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

HTTP_REQUESTS = Counter(
    "banyan_http_requests_total",
    "Requests answered.",
    ["app", "route", "status"],
    registry=REGISTRY,
)
HTTP_LATENCY = Histogram(
    "banyan_http_request_duration_seconds",
    "Time from a request's first byte to its answer's first byte.",
    ["app", "route"],
    buckets=_LATENCY_S,
    registry=REGISTRY,
)
HTTP_REFUSED = Counter(
    "banyan_http_refused_total",
    "Requests refused before they reach an application: by origin, host, size or missing length.",
    ["status"],
    registry=REGISTRY,
)
ENCODE_LATENCY = Histogram(
    "banyan_encode_duration_seconds",
    "Time from a call's arrival at the trunk to its answer.",
    ["app", "task", "bundle"],
    buckets=_LATENCY_S,
    registry=REGISTRY,
)
ENCODE_TOKENS = Counter(
    "banyan_encode_tokens_total",
    "Tokens computed, without padding.",
    ["app", "task", "bundle"],
    registry=REGISTRY,
)
ENCODE_REFUSED = Counter(
    "banyan_encode_refused_total",
    "Inputs that the trunk did not compute, by reason: overloaded, deadline, cancelled, invalid.",
    ["app", "reason"],
    registry=REGISTRY,
)
QUEUE_TOKENS = Gauge(
    "banyan_queue_tokens", "Tokens that wait in the trunk.", ["priority"], registry=REGISTRY
)
BATCH_TOKENS = Histogram(
    "banyan_batch_tokens",
    "Tokens of a batch, padding included.",
    buckets=(32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384),
    registry=REGISTRY,
)
BATCH_FILL = Histogram(
    "banyan_batch_fill_ratio",
    "Share of a batch's tokens that is not padding.",
    buckets=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
    registry=REGISTRY,
)
STREAM_LAG = Gauge(
    "banyan_stream_lag_records",
    "Records of an owned partition that are not committed.",
    ["topic", "partition"],
    registry=REGISTRY,
)
STREAM_REBALANCES = Counter(
    "banyan_stream_rebalances_total",
    "Changes of the partitions that this member owns: assigned, revoked, lost.",
    ["topic", "change"],
    registry=REGISTRY,
)
STREAM_POLL_ERRORS = Counter(
    "banyan_stream_poll_errors_total",
    "Polls that failed because the broker did not answer.",
    ["topic"],
    registry=REGISTRY,
)
STREAM_PHASE = Gauge(
    "banyan_stream_phase",
    "1 for what the stream does now: starting, running, waiting, failing or stopped.",
    ["topic", "phase"],
    registry=REGISTRY,
)
NEWS_RECORDS = Counter(
    "banyan_news_records_total",
    "Records of the stream by outcome: scored, duplicate, conflict, dead, repeated (read before).",
    ["outcome"],
    registry=REGISTRY,
)
NEWS_LATE = Counter(
    "banyan_news_late_total",
    "Scored records that came after the allowed lateness.",
    registry=REGISTRY,
)
NEWS_AHEAD = Counter(
    "banyan_news_ahead_total",
    "Records dated after their arrival, whose effective time the arrival bounds.",
    registry=REGISTRY,
)
NEWS_DEAD_LETTERS = Counter(
    "banyan_news_dead_letters_total",
    "Records that could not be used, by reason.",
    ["reason"],
    registry=REGISTRY,
)
NEWS_STORE_LATENCY = Histogram(
    "banyan_news_store_duration_seconds",
    "Time of the transaction that stores a micro-batch.",
    buckets=_LATENCY_S,
    registry=REGISTRY,
)
NEWS_ALERTS = Counter(
    "banyan_news_alerts_total",
    "Alerts that came into a state.",
    ["state"],
    registry=REGISTRY,
)
OUTBOX_ATTEMPTS = Counter(
    "banyan_outbox_attempts_total",
    "Attempts to deliver, by outcome: delivered, refused, away, and messages given_up.",
    ["sink", "outcome"],
    registry=REGISTRY,
)
OUTBOX_WAITING = Gauge(
    "banyan_outbox_waiting", "Messages that a sink has not taken yet.", ["sink"], registry=REGISTRY
)
INDEX_BYTES = Gauge(
    "banyan_support_index_bytes",
    "Vectors and texts of the indexes that are in memory.",
    registry=REGISTRY,
)
RETENTION_ROWS = Counter(
    "banyan_retention_deleted_rows_total",
    "Rows that were deleted because they were old, by kind.",
    ["kind"],
    registry=REGISTRY,
)
OUTBOX_OVERDUE = Gauge(
    "banyan_outbox_attempt_overdue_seconds",
    "By how much the attempt under way is over its time; 0 where none is.",
    ["sink"],
    registry=REGISTRY,
)

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, request id, and any `extra`."""

    def __init__(self, app: str) -> None:
        super().__init__()
        self._app = app

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON; values that JSON cannot hold are written as text."""
        created = time.gmtime(record.created)
        line: dict[str, object] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", created) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "app": self._app,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := REQUEST_ID.get():
            line["request_id"] = request_id
        line.update((k, v) for k, v in vars(record).items() if k not in _STANDARD)
        if record.exc_info:
            # Not `formatException`: it prints, and Ray Serve replaces `print`.
            line["exception"] = "".join(traceback.format_exception(*record.exc_info))
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def configure_logging(app: str, *, level: str = "INFO") -> None:
    """Sends the platform's logs (`shared`, `services`, `pipelines`) to stderr as JSON lines.

    The process's own stderr: Ray Serve puts an object in its place that walks the stack at every
    line, which took a third of a busy replica's event loop.
    """
    handler = logging.StreamHandler(sys.__stderr__)
    handler.setFormatter(JsonFormatter(app))
    for name in ("shared", "services", "pipelines"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level)
        logger.propagate = False
