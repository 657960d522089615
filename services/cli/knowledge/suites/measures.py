"""How replies are judged: right, helped, wrong, by kinds of questions, with intervals and gates."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from shared.errors import InputError
from shared.metrics.bootstrap import Interval, bootstrap_mean
from shared.retrieval.suite import SuiteQuestion

MAX_WORDS = 80
MAX_SUGGESTIONS = 3
_LEAST_RECALL = 0.5
_LATIN = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")
_HAN = re.compile(r"[一-鿿]+")
_CITATION = re.compile(r"\[\d+\]")
_STOP_WORDS = frozenset(
    """
    a an the of to in on at for and or is are be do does did i you we it my your our this that
    with as by from if not no can will how what when where who why which me us have has was were
    there their they he she so than then but
    """.split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the chat said to the last turn: its text, the first document that it cites, those that
    it suggests, and whether it hands off.
    """

    content: str
    answered: bool
    cited: str | None
    suggested: tuple[str, ...]
    hands_off: bool
    confidence: float

    @classmethod
    def of(cls, message: Mapping[str, object]) -> "Reply":
        """The reply in a chat's message."""
        banyan = message.get("banyan")
        said = banyan if isinstance(banyan, dict) else {}
        citations = said.get("citations") or []
        suggestions = (said.get("suggestions") or [])[:MAX_SUGGESTIONS]
        return cls(
            content=str(message.get("content") or ""),
            answered=bool(said.get("answered")),
            cited=citations[0]["document_id"] if citations else None,
            suggested=tuple(suggestion["document_id"] for suggestion in suggestions),
            hands_off=said.get("handoff") is not None,
            confidence=float(said.get("confidence") or 0.0),
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with the reply that it got."""

    question: SuiteQuestion
    reply: Reply

    @property
    def kind(self) -> str:
        """`small_talk`, or `single` or `follow_up`, with ` no` after it if unanswerable."""
        if self.question.answerable is None:
            return "small_talk"
        kind = "single" if len(self.question.turns) == 1 else "follow_up"
        return kind if self.question.answerable else f"{kind} no"

    @property
    def from_article(self) -> bool:
        """Whether it is answered, first from a document that answers it."""
        return self.reply.answered and self.reply.cited in self.question.articles

    @property
    def right(self) -> bool:
        """Whether the answer is of a right document, short, and holds half of an evidence's words.

        Where the suite gives no evidence the document decides.
        """
        if not self.from_article or word_count(self.reply.content) > MAX_WORDS:
            return False
        recalls = [recall(self.reply.content, text) for text in self.question.evidence]
        return max(recalls, default=1.0) >= _LEAST_RECALL

    @property
    def helped(self) -> bool:
        """Whether it is right, or not answered with a right document among the suggestions."""
        offered = set(self.question.articles) & set(self.reply.suggested)
        return self.right or (not self.reply.answered and bool(offered))

    @property
    def wrong(self) -> bool:
        """Whether it is answered from another document."""
        return self.reply.answered and not self.from_article

    @property
    def misrouted(self) -> bool:
        """Whether small talk went to a person, or was answered from a document."""
        return self.reply.hands_off or (self.reply.answered and self.reply.cited is not None)


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure: a share of the questions of one kind, which a gate bounds from one side."""

    name: str
    words: str
    kind: str
    is_met: Callable[[Asked], bool]
    more_is_better: bool


MEASURES = (
    Measure("right", "answerable: right", "single", lambda a: a.right, True),
    Measure("helped", "answerable: helped", "single", lambda a: a.helped, True),
    Measure("wrong", "answerable: wrong article", "single", lambda a: a.wrong, False),
    Measure(
        "unanswerable", "unanswerable: answered", "single no", lambda a: a.reply.answered, False
    ),
    Measure("follow_right", "follow-ups: right", "follow_up", lambda a: a.right, True),
    Measure("follow_helped", "follow-ups: helped", "follow_up", lambda a: a.helped, True),
    Measure("follow_wrong", "follow-ups: wrong article", "follow_up", lambda a: a.wrong, False),
    Measure(
        "follow_unanswerable",
        "follow-ups, unanswerable: answered",
        "follow_up no",
        lambda a: a.reply.answered,
        False,
    ),
    Measure("small_talk", "small talk: misrouted", "small_talk", lambda a: a.misrouted, False),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """A measure's figure with its 95 % interval, and the limit that a gate states if one does."""

    measure: Measure
    figure: Interval
    limit: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the figure keeps the limit; without one it does."""
        if self.limit is None:
            return True
        if self.measure.more_is_better:
            return self.figure.value >= self.limit
        return self.figure.value <= self.limit


def measure(asked: Sequence[Asked], gates: Mapping[str, float]) -> list[Measured]:
    """Every figure of which the suite has questions.

    Raises:
        InputError: a gate names no figure, is not a share, or the suite has no question for it.
    """
    check_gates(gates)
    measured = []
    for each in MEASURES:
        values = [each.is_met(one) for one in asked if one.kind == each.kind]
        if values:
            measured.append(Measured(each, bootstrap_mean(values), gates.get(each.name)))
    for name in gates.keys() - {each.measure.name for each in measured}:
        raise InputError(f"the gate {name} cannot be told: the suite has no question for it")
    return measured


def check_gates(gates: Mapping[str, float]) -> None:
    """Refuses gates of no figure, and limits that are not shares.

    Raises:
        InputError: one is such.
    """
    names = [each.name for each in MEASURES]
    for name, limit in gates.items():
        if name not in names:
            raise InputError(f"there is no figure {name[:60]!r} to gate: use {', '.join(names)}")
        if not 0 <= limit <= 1:
            raise InputError(f"the gate {name} is {limit:g}: expected a share from 0 to 1")


def recall(answer: str, evidence: str) -> float:
    """The share of the evidence's content words that stand in the answer."""
    wanted = content_words(evidence)
    return sum((content_words(answer) & wanted).values()) / max(1, sum(wanted.values()))


def content_words(text: str) -> Counter[str]:
    """The words of a text without those that say little; of Chinese, pairs of characters."""
    words = [word for word in _LATIN.findall(text.lower()) if word not in _STOP_WORDS]
    for run in _HAN.findall(text):
        words += [run[start : start + 2] for start in range(max(1, len(run) - 1))]
    return Counter(words)


def word_count(text: str) -> float:
    """How many words a text has beside its marks of citation; two Chinese characters are one."""
    plain = _CITATION.sub(" ", text)
    return len(_LATIN.findall(plain.lower())) + sum(map(len, _HAN.findall(plain))) / 2
