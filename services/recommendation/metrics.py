"""What the recommendation application counts, in the platform's registry."""

from prometheus_client import Counter, Gauge, Histogram

from shared.telemetry import REGISTRY

_LATENCY_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

FEEDBACK_EVENTS = Counter(
    "banyan_feedback_events_total",
    "Events by outcome: stored; of an item and stored, but unchanged or older than what is told; "
    "repeated; conflict (an id with another content).",
    ["outcome"],
    registry=REGISTRY,
)
FEEDBACK_STORE_LATENCY = Histogram(
    "banyan_feedback_store_duration_seconds",
    "Time of the transaction that stores events.",
    buckets=_LATENCY_S,
    registry=REGISTRY,
)
FEEDBACK_QUEUED = Gauge(
    "banyan_feedback_queued_events",
    "Events that wait for their transaction.",
    registry=REGISTRY,
)
BEHAVIOUR_DEAD_LETTERS = Counter(
    "banyan_behaviour_dead_letters_total",
    "Records of the topic that are not events, by reason.",
    ["reason"],
    registry=REGISTRY,
)
RANKING_APPLIED = Gauge(
    "banyan_ranking_applied_seq",
    "The number of the last stored event that rankings know of.",
    registry=REGISTRY,
)
RANKING_SNAPSHOT = Gauge(
    "banyan_ranking_snapshot_seq",
    "The number of the last stored event that is in the saved snapshot of the rankings.",
    registry=REGISTRY,
)
RANKING_SKIPPED = Counter(
    "banyan_ranking_skipped_total",
    "Stored events that could not be applied to the rankings; the log says why.",
    registry=REGISTRY,
)
RANK_LATENCY = Histogram(
    "banyan_rank_duration_seconds",
    "Time of a ranking, without HTTP.",
    ["route"],
    buckets=_LATENCY_S,
    registry=REGISTRY,
)
ITEMS_WITHOUT_VECTOR = Gauge(
    "banyan_items_without_vector",
    "Items with a text that the trunk has not embedded yet, as far as is known.",
    registry=REGISTRY,
)
