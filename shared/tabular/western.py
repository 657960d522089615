"""Whether bytes are Windows-1252: told by the letters of the languages that are written in it.

Every byte but five is a character of Windows-1252, so that decoding proves nothing. It is taken
where the letters are those of one of its languages, stand as letters do, and the code pages whose
languages share letters with these (Windows-1250, -1254, -1257) say the same, or nothing sensible.
"""

import re

_WESTERN = (
    "àâæçéèêëîïôœùûüÿ",  # French
    "äöüßéèà",  # German
    "áéíñóúüªº",  # Spanish
    "áâãàçéêíóôõúüªº",  # Portuguese
    "àèéìíîòóùúªº",  # Italian
    "àçéèíïóòúüªº",  # Catalan
    "áéëïíóöüèê",  # Dutch
    "åäöéü",  # Swedish, Finnish
    "æøåéèòôâüäö",  # Danish, Norwegian
)
_RIVALS = {
    "cp1250": (
        "ąćęłńóśźż",  # Polish
        "áčďéěíňóřšťúůýž",  # Czech
        "áäčďéíľňóôšťúýž",  # Slovak
        "áéíóöőúüű",  # Hungarian
        "ăâîşţ",  # Romanian
        "čćđšž",  # Croatian, Slovene
    ),
    "cp1254": ("çğıöşüâîû",),  # Turkish
    "cp1257": ("ąčęėįšųūž", "āčēģīķļņšūž", "äõöüšž"),  # Lithuanian, Latvian, Estonian
}
_NOT_ASCII_RUN = re.compile(r"[^\x00-\x7f\s\u00a0‘’“”«»–—…•]+")
_MOST_TOGETHER = 2
_WORD = re.compile(r"[^\W\d_]+")
_MISPLACED = re.compile(
    # A sign within a word, a low quotation mark after one, a capital within one.
    r"[^\W\d_][^\w\s\x00-\x7f’‘–—·\u00ad\u00a0][^\W\d_]"
    r"|[^\W\d_][‚„ˆ‰†‡][\W\d_]"
    r"|[^\W\d_][²³¹¼½¾][^\W\d_]"
    r"|[a-zß-öø-ÿ][À-ÖØ-Þ]"
)
_TOGETHER_WITH_ASCII = 0.5


def western_doubt(sample: bytes) -> str | None:
    """Why a sample may be another encoding than Windows-1252; None where it can be no other."""
    try:
        text = sample.decode("cp1252")
    except UnicodeDecodeError:
        return "it holds bytes that are no characters of Windows-1252"
    if not _reads_like_words(text):
        return "read as Windows-1252 it makes no words"
    letters = _letters(text)
    if not any(letters <= set(alphabet) for alphabet in _WESTERN):
        return "read as Windows-1252 its letters are those of no language"
    for codec, alphabets in _RIVALS.items():
        other = sample.decode(codec, "replace")
        is_sensible = any(_letters(other) <= set(alphabet) for alphabet in alphabets)
        if other != text and is_sensible and not _stands_alone(other):
            return f"it may be Windows-1252 or Windows-{codec[2:]}"
    return None


def _reads_like_words(text: str) -> bool:
    runs = (run[0] for run in _NOT_ASCII_RUN.finditer(text))
    if any(len(run) > _MOST_TOGETHER for run in runs) or _MISPLACED.search(text):
        return False
    accented = [word for word in _WORD.findall(text) if not word.isascii()]
    mixed = sum(any(map(str.isascii, word)) or len(word) == 1 for word in accented)
    return mixed >= _TOGETHER_WITH_ASCII * len(accented)


def _stands_alone(text: str) -> bool:
    """Whether an accented letter is a word, which is so in none of the rivals' languages but one.

    That is the Lithuanian "į"; French and Italian have "à", "è" and "é".
    """
    return any(
        len(word) == 1 and not word.isascii() and word.lower() != "į"
        for word in _WORD.findall(text)
    )


def _letters(text: str) -> set[str]:
    """The letters that are not ASCII, in lower case, and the signs that are letters elsewhere."""
    return {
        character.lower()
        for character in text
        if not character.isascii() and (character.isalpha() or character in "¹²³¼½¾")
    }
