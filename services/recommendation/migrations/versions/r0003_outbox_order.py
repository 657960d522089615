"""Messages of one ordering key wait for the earlier ones."""

from shared.delivery.outbox_schema import add_order

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Numbers the messages, and indexes those that wait."""
    add_order()
