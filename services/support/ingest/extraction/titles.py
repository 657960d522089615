"""Which title a file has: what its author wrote into its properties, if that is one."""

import re
import unicodedata

_MAX_CHARACTERS = 200
_MADE_BY = re.compile(r"^(?:microsoft (?:word|powerpoint|excel)|word|powerpoint)\s*-\s*", re.I)
_FILE_NAME = re.compile(
    r"\.(?:docx?|dotx?|odt|rtf|pdf|pptx?|xlsx?|indd|qxd|tex|dvi|html?|md|txt)$", re.I
)
_NOT_A_TITLE = re.compile(
    r"[\W_]*(?:untitled|unbenannt|document|dokument|doc|presentation|powerpoint presentation|title"
    r"|titel|template|anonymous|unnamed|unknown|unspecified|无标题|文档|新建 microsoft word 文档)"
    r"[\W\d_]*",
    re.I,
)
_LETTER = re.compile(r"[^\W\d_]")


def sensible_title(given: str) -> str:
    """The title in one line, or an empty text where it is a file's name or a program's default."""
    text = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in given)
    title = " ".join(text.split())
    if _MADE_BY.match(title) or _FILE_NAME.search(title) or _NOT_A_TITLE.fullmatch(title):
        return ""
    has_letters = len(_LETTER.findall(title)) >= 2
    return title if has_letters and len(title) <= _MAX_CHARACTERS else ""
