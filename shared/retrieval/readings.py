"""How a user's turn may be read: the last message alone, or together with those before it."""

from collections.abc import Sequence

from shared.retrieval.judging import CONTEXT_TURNS, in_context


def search_texts(turns: Sequence[str]) -> list[str]:
    """What is searched for: the last of a user's turns, then it with one and with two before it.

    A passage's score is that of the reading that fits it best, so that a follow-up finds what it
    is about, and a new subject is not drowned by the former one.
    """
    last = turns[-CONTEXT_TURNS:]
    return [" ".join(last[-count:]) for count in range(1, len(last) + 1)]


def judged_questions(turns: Sequence[str]) -> list[str]:
    """What a judge is asked: the question in its context and, of a follow-up, also by itself."""
    return list(dict.fromkeys((in_context(turns), turns[-1])))
