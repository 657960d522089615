"""How long what the application stores is kept."""

from services.recommendation.tables import LEDGER, OUTBOX
from shared.storage.ledger import LedgerRetention
from shared.storage.outbox import Outbox
from shared.storage.retention import Rule


def rules(settings: LedgerRetention) -> list[Rule]:
    """What the topic brings, but for the events themselves."""
    return [
        *LEDGER.rules(settings),
        *Outbox(OUTBOX).rules(settings.delivered_days, settings.given_up_days),
    ]
