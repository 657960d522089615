"""Which of the pages that the chat offered a user chooses: by its number, title or other words."""

from collections.abc import Iterator

from services.support.answers.small_talk import words_of
from services.support.answers.wording import ChoiceWords, Offer

_MAX_CHARACTERS = 300
_MAX_COLONS = 4


def chosen(message: str, offer: Offer) -> str | None:
    """The title of the page that a message chooses; None where it says something else.

    Of a page without title the beginning of its passage stands for it.
    """
    offered, words = offer.pages, offer.choices
    if not offered or len(message) > _MAX_CHARACTERS:
        return None
    said = words_of(message)
    for title in (title for line in offered for title in _titles(line)):
        if said and words_of(title) == said:
            return title
    fillers = {word for each in words.fillers for word in words_of(each)}
    told = set(said) - fillers
    for number, line in enumerate(offered):
        if told and told <= _names_of(number, words):
            return next(_titles(line))[:_MAX_CHARACTERS]
    return None


def _titles(line: str) -> Iterator[str]:
    """What may be a line's title, the shortest first: a title may have colons too."""
    parts = line.split(": ")
    for count in range(1, min(len(parts), _MAX_COLONS) + 1):
        yield ": ".join(parts[:count]).strip()


def _names_of(number: int, words: ChoiceWords) -> set[str]:
    """The words that name a page: its number, and those of the file."""
    options = words.options[number] if number < len(words.options) else ()
    return {str(number + 1), *(word for each in options for word in words_of(each))}
