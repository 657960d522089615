"""Identifiers that are made here."""

import uuid_utils


def new_id() -> str:
    """A UUID version 7 in hexadecimal: later ones sort after earlier ones.

    Source: RFC 9562, section 5.7.
    """
    return uuid_utils.uuid7().hex
