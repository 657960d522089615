"""Messages of one ordering key wait for the earlier ones."""

from shared.delivery.outbox_schema import add_order

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Numbers the messages, and indexes those that wait."""
    add_order()
