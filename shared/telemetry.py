"""Logs as JSON lines, one registry of metrics, and the request id that ties them together."""

import logging
import sys
import time
import traceback
from contextvars import ContextVar
from functools import partial

import orjson
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that the current task serves; it stands in every log line of that task."""

REGISTRY = CollectorRegistry()

_LATENCY_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_counter = partial(Counter, registry=REGISTRY)
_gauge = partial(Gauge, registry=REGISTRY)
_histogram = partial(Histogram, registry=REGISTRY)

HTTP_REQUESTS = _counter(
    "banyan_http_requests_total", "Requests answered.", ["app", "route", "status"]
)
HTTP_LATENCY = _histogram(
    "banyan_http_request_duration_seconds",
    "Time from a request's first byte to its answer's first byte.",
    ["app", "route"],
    buckets=_LATENCY_S,
)
HTTP_REFUSED = _counter(
    "banyan_http_refused_total",
    "Requests refused before they reach an application: by origin, host, size or missing length.",
    ["status"],
)
ENCODE_LATENCY = _histogram(
    "banyan_encode_duration_seconds",
    "Time from a call's arrival at the trunk to its answer.",
    ["app", "task", "bundle"],
    buckets=_LATENCY_S,
)
ENCODE_TOKENS = _counter(
    "banyan_encode_tokens_total", "Tokens computed, without padding.", ["app", "task", "bundle"]
)
JUDGED_PAIRS = _counter(
    "banyan_judge_pairs_total",
    "Pairs of a question's reading and a passage by outcome: judged, or left_out for want of time.",
    ["app", "outcome"],
)
JUDGE_LATENCY = _histogram(
    "banyan_judge_duration_seconds",
    "Time of the call that judges the passages of one question.",
    ["app"],
    buckets=_LATENCY_S,
)
ENCODE_REFUSED = _counter(
    "banyan_encode_refused_total",
    "Inputs that the trunk did not compute, by reason: overloaded, deadline, cancelled, invalid.",
    ["app", "reason"],
)
QUEUE_TOKENS = _gauge("banyan_queue_tokens", "Tokens that wait in the trunk.", ["priority"])
BATCH_TOKENS = _histogram(
    "banyan_batch_tokens",
    "Tokens of a batch, padding included.",
    buckets=(32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384),
)
BATCH_FILL = _histogram(
    "banyan_batch_fill_ratio",
    "Share of a batch's tokens that is not padding.",
    buckets=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
)
STREAM_LAG = _gauge(
    "banyan_stream_lag_records",
    "Records of an owned partition that are not committed.",
    ["topic", "partition"],
)
STREAM_REBALANCES = _counter(
    "banyan_stream_rebalances_total",
    "Changes of the partitions that this member owns: assigned, revoked, lost.",
    ["topic", "change"],
)
STREAM_POLL_ERRORS = _counter(
    "banyan_stream_poll_errors_total",
    "Polls that failed because the broker did not answer.",
    ["topic"],
)
STREAM_PHASE = _gauge(
    "banyan_stream_phase",
    "1 for what the stream does now: starting, running, waiting, failing or stopped.",
    ["topic", "phase"],
)
NEWS_RECORDS = _counter(
    "banyan_news_records_total",
    "Records of the stream by outcome: scored, duplicate, conflict, dead, repeated (read before).",
    ["outcome"],
)
NEWS_LATE = _counter(
    "banyan_news_late_total", "Scored records that came after the allowed lateness."
)
NEWS_AHEAD = _counter(
    "banyan_news_ahead_total",
    "Records dated after their arrival, whose effective time the arrival bounds.",
)
NEWS_DEAD_LETTERS = _counter(
    "banyan_news_dead_letters_total", "Records that could not be used, by reason.", ["reason"]
)
NEWS_STORE_LATENCY = _histogram(
    "banyan_news_store_duration_seconds",
    "Time of the transaction that stores a micro-batch.",
    buckets=_LATENCY_S,
)
NEWS_ALERTS = _counter("banyan_news_alerts_total", "Alerts that came into a state.", ["state"])
OUTBOX_ATTEMPTS = _counter(
    "banyan_outbox_attempts_total",
    "Attempts to deliver, by outcome: delivered, refused, away, and messages given_up.",
    ["sink", "outcome"],
)
OUTBOX_WAITING = _gauge(
    "banyan_outbox_waiting", "Messages that a sink has not taken yet.", ["sink"]
)
INDEX_BYTES = _gauge(
    "banyan_support_index_bytes", "Vectors and texts of the indexes that are in memory."
)
UNANSWERED = _counter(
    "banyan_support_unanswered_total",
    "Questions without an answer by outcome: kept; dropped since they have no letter or digit "
    "(no_words), too many waited (queue_full) or they could not be written (failed); deleted since "
    "a tenant had too many (too_many).",
    ["outcome"],
)
RETENTION_ROWS = _counter(
    "banyan_retention_deleted_rows_total",
    "Rows that were deleted because they were old, by kind.",
    ["kind"],
)
OUTBOX_OVERDUE = _gauge(
    "banyan_outbox_attempt_overdue_seconds",
    "By how much the attempt under way is over its time; 0 where none is.",
    ["sink"],
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
