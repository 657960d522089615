"""Identifiers that are made here."""

import uuid_utils


def new_id() -> str:
    """A UUID version 7 in hexadecimal: later ones sort after earlier ones.

    Source: RFC 9562, section 5.7.
    """
    return uuid_utils.uuid7().hex


def first_id_at(time_s: float) -> str:
    """What sorts before every id that is made from this time on (Unix seconds), and after others.

    An id begins with its milliseconds, 48 bits.
    """
    return f"{max(0, int(time_s * 1000)):012x}"
