"""The encoding of text that is not UTF-8, where it is sure; a wrong guess would be worse than none.

Source: charset-normalizer measures how much a decoded text looks like chance (its "chaos"). Of the
East Asian encodings GB18030 is taken where it is the least so, and clearly so; Windows-1252 is
decided by `shared.tabular.western`.
"""

import re

from shared.tabular.western import western_doubt

_EAST_ASIAN = ("gb18030", "big5", "cp949", "cp932", "euc_jp")
_SEEN = 0.3
_MOST_CHAOS = 0.1
_LEAD = 0.04
_LEAST_CHARACTERS = 6
_BESIDE_LATIN = re.compile("[A-Za-z][\u4e00-\u9fff]|[\u4e00-\u9fff][A-Za-z]")
_MOST_BESIDE_LATIN = 0.25
_NAMES = {
    "gb18030": "Chinese, GB18030",
    "big5": "Big5",
    "cp949": "Korean, EUC-KR",
    "cp932": "Japanese, Shift JIS",
    "euc_jp": "Japanese, EUC-JP",
}


def guess_encoding(sample: bytes) -> tuple[str | None, str]:
    """The codec of a sample of lines that are not UTF-8, or None and what it may be, in words."""
    doubt = western_doubt(sample)
    if doubt is None:
        return "cp1252", ""
    # Only here: most files are UTF-8 and need no detector.
    from charset_normalizer import from_bytes

    found = list(from_bytes(sample, cp_isolation=list(_EAST_ASIAN), threshold=_SEEN))
    if not found:
        return None, doubt
    best = found[0]
    lead = min((other.chaos for other in found[1:]), default=1.0) - best.chaos
    is_sure = best.chaos <= _MOST_CHAOS and lead >= _LEAD
    if best.encoding == "gb18030" and is_sure and _is_chinese(str(best)):
        return "gb18030", ""
    likely = [_NAMES[each.encoding] for each in found if each.chaos <= _MOST_CHAOS]
    if len(likely) > 1:
        return None, f"it may be {' or '.join(likely)}"
    if is_sure and best.encoding != "gb18030":
        return None, f"it looks like {_NAMES[best.encoding]}"
    return None, doubt


def _is_chinese(text: str) -> bool:
    """Whether there are some ideographs, few of them beside a Latin letter."""
    ideographs = sum("\u4e00" <= character <= "\u9fff" for character in text)
    beside = len(_BESIDE_LATIN.findall(text))
    return ideographs >= _LEAST_CHARACTERS and beside <= _MOST_BESIDE_LATIN * ideographs
