"""Whether a question leaves the subject of what was said before it."""

import math

from services.support.answers.encoding import Encoded
from shared.retrieval.index import Index, Matches

_LEAD_WEIGHT = 5.7
_WORDS_WEIGHT = 1.4
_BOUND = 5.9
"""A logistic regression, fitted on doc2dial's dialogues and on help centres, of which every second
question follows one about another document; beyond `_BOUND` four in ten such turns have left it."""


def subject_changed(index: Index, encoded: Encoded, matches: Matches) -> bool:
    """Whether a question that says much fits another document far better than the one spoken of.

    That is the document that what was said before fits best. How much the question says is the sum
    of its words' weights, see `Index.word_weights`. `matches` keeps what the search for the answer
    need not compare again.
    """
    if encoded.before is None or not index.entries:
        return False
    question = encoded.queries[0]
    (spoken_of,) = index.search([encoded.before], 1, matches=matches)
    (best,) = index.search([question], 1, matches=matches)
    of_spoken = index.best_score(question, spoken_of.entry.document_id, matches=matches)
    lead = best.score - of_spoken
    says = math.log1p(sum(index.word_weights(question.text).values()))
    return _LEAD_WEIGHT * lead + _WORDS_WEIGHT * says > _BOUND
