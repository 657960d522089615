"""The stream of votes: read, stored, and told to the sink."""

from shared.clock import SystemClock
from shared.delivery.producer import Producer
from shared.storage.database import Database
from shared.storage.retention import Retention
from shared.streaming.consumer import Consumer
from shared.streaming.host import Stream
from shared.streaming.ledger.retention import LedgerRetention, ledger_rules
from tests.architecture.votes.config import VoteSettings
from tests.architecture.votes.file_sink import FileSink
from tests.architecture.votes.records import VoteRecords
from tests.architecture.votes.store import RESULTS, Vote, VoteStore
from tests.architecture.votes.tables import LEDGER, OUTBOX


def vote_stream(
    settings: VoteSettings,
    *,
    consumer: Consumer,
    producer: Producer,
    database: Database,
) -> Stream[str, Vote]:
    """The stream, not yet started; new votes are told to the file `results.txt`."""
    clock, keeping = SystemClock(), LedgerRetention()
    return Stream(
        VoteRecords(VoteStore(database, clock)),
        settings,
        consumer=consumer,
        producer=producer,
        database=database,
        outbox=OUTBOX,
        retention=Retention(database, ledger_rules(LEDGER, OUTBOX, keeping), keeping),
        clock=clock,
        sinks=[FileSink(RESULTS, settings.state_dir / "results.txt")],
    )
