"""Whether bytes are Windows-1252: told by the letters of the languages that are written in it.

Every byte but five is a character of Windows-1252, so that decoding proves nothing. It is taken
where the letters are those of one of its languages, stand as letters do, and the code pages whose
languages share letters with these (Windows-1250, -1254, -1257) say the same, or nothing sensible.
"""

import re
from collections import Counter

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
        ("ąćęłńóśźż", "ąęłó"),  # Polish
        ("áčďéěíňóřšťúůýž", "áěí"),  # Czech
        ("áäčďéíľňóôšťúýž", "áí"),  # Slovak
        ("áéíóöőúüű", "áé"),  # Hungarian
        ("ăâîşţ", "ăâîşţ"),  # Romanian
        ("čćđšž", "čšž"),  # Croatian, Slovene
    ),
    "cp1254": (("çğıöşüâîû", "ışü"),),  # Turkish
    "cp1257": (
        ("ąčęėįšųūž", "ėšų"),  # Lithuanian
        ("āčēģīķļņšūž", "āēī"),  # Latvian
        ("äõöüšž", "äõü"),  # Estonian
    ),
}
"""The letters of each language, and those of which any six accented letters have one."""

_NOT_ASCII_RUN = re.compile(r"[^\x00-\x7f\s\u00a0‘’“”«»–—…•]+")
_MOST_TOGETHER = 2
_FEW = 6
_ALONE = "àèéåöøÀÈÉÅÖØ"
_WORD = re.compile(r"[^\W\d_]+")
_MISPLACED = re.compile(
    # A sign within a word, a dash or low quotation mark after one, a capital within one, a sign
    # that begins a word, and signs that stand in no text.
    r"[^\W\d_][^\w\s\x00-\x7f’‘·\u00ad\u00a0][^\W\d_]"
    r"|[^\W\d_][–—‚„ˆ‰†‡][\W\d_]"
    r"|[^\W\d_][²³¹¼½¾][^\W\d_]"
    r"|[a-zß-öø-ÿ][À-ÖØ-Þ]"
    r"|[…‰†‡][^\W\d_]"
    r"|[¯¨¸ˆ˜¦]"
    r"|[^\W\d_][§¶×÷¤]|[§¶×÷¤][^\W\d_]"
    # An apostrophe within a word that no language elides so.
    r"|(?<!\b[lLdDjJmMnNsStTcCO])(?<!\\n[lLdDjJmMnNsStTcC])(?<!\b[Qq]u)(?<!squ)(?<!ll)(?<!\b[Uu]n)(?<!rd)(?<=[^\W\d_])’"
    r"(?!(?:s|t|re|ll|m|d|ve)\b)(?=[^\W\d_])"
)
_MISPLACED_SHARE = 0.01
_OWN_LETTERS = 0.95
_TOGETHER_WITH_ASCII = 0.5


def western_doubt(sample: bytes) -> str | None:
    """Why a sample may be another encoding than Windows-1252; None where it can be no other."""
    try:
        text = sample.decode("cp1252")
    except UnicodeDecodeError:
        return "it holds bytes that are not characters of Windows-1252"
    if not _reads_like_words(text):
        return "read as Windows-1252 it makes no words"
    letters = _letters(text)
    own = max(_share(letters, alphabet) for alphabet in _WESTERN)
    if own < _OWN_LETTERS or _share(letters, "".join(_WESTERN)) < 1.0:
        return "read as Windows-1252 its letters are those of no language"
    for codec, alphabets in _RIVALS.items():
        other = sample.decode(codec, "replace")
        is_sensible = any(_is_written_in(other, *language) for language in alphabets)
        if other != text and is_sensible and not _stands_alone(other):
            return f"it may be Windows-1252 or Windows-{codec[2:]}"
    return None


def _reads_like_words(text: str) -> bool:
    foreign = sum(not character.isascii() for character in text)
    runs = sum(len(run[0]) > _MOST_TOGETHER for run in _NOT_ASCII_RUN.finditer(text))
    misplaced = sum(1 for _ in _MISPLACED.finditer(text))
    if runs + misplaced > _MISPLACED_SHARE * foreign:
        return False
    accented = [word for word in _WORD.findall(text) if not word.isascii()]
    mixed = sum(any(map(str.isascii, word)) or word in _ALONE for word in accented)
    return mixed >= _TOGETHER_WITH_ASCII * len(accented)


def _is_written_in(text: str, alphabet: str, common: str) -> bool:
    """Whether a language has these letters, and if there are some, its most common ones too."""
    letters = _letters(text)
    has_common = letters.total() < _FEW or any(letter in letters for letter in common)
    return _share(letters, alphabet) >= _OWN_LETTERS and has_common


def _share(letters: Counter[str], alphabet: str) -> float:
    """How many of the letters are of an alphabet."""
    own = sum(count for letter, count in letters.items() if letter in alphabet)
    return own / letters.total() if letters else 1.0


def _stands_alone(text: str) -> bool:
    """Whether an accented letter is a word, which is so in none of the rivals' languages but one.

    That is the Lithuanian "į"; French and Italian have "à", "è" and "é".
    """
    return any(
        len(word) == 1 and not word.isascii() and word.lower() != "į"
        for word in _WORD.findall(text)
    )


def _letters(text: str) -> Counter[str]:
    """The letters that are not ASCII, in lower case, and the signs that are letters elsewhere."""
    return Counter(
        character.lower()
        for character in text
        if not character.isascii() and (character.isalpha() or character in "¹²³¼½¾")
    )
