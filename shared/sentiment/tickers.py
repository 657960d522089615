"""Tickers of shares: what one is, and the forms in which it can be nothing else.

`$F`, `(NYSE: F)`, Reuters' and Yahoo's `F.N`, `7203.T`, and a number in brackets, `（600519）`. A
word ends where a script without spaces begins: `买入AAPL。`
"""

import re

from shared.text.scripts import UNSPACED

TICKER = re.compile(r"[A-Za-z0-9]+(?:[.-][A-Za-z0-9]+)?")
"""Letters and digits, with at most one dot or hyphen inside."""

_EXCHANGES = (
    "AIM|AMEX|ASX|BATS|BIT|BKK|BME|BMV|BSE|CBOE|CPH|CVE|DFM|EBR|EPA|ETR|Euronext|FRA|FWB|HEL|HKEX|"
    "HKG|IDX|JSE|KLSE|KOSDAQ|KOSPI|KRX|LON|LSE|NASDAQ|Nasdaq|NEO|NSE|NYSE|NZX|OSL|OTC|OTCMKTS|OTCQB|"
    "OTCQX|PSE|SEHK|SGX|SH|SHA|SHE|SIX|SSE|STO|SWX|SZ|SZSE|TADAWUL|TLV|TPE|TSE|TSX|TSXV|TWSE|TYO|VIE|WSE|"
    "XETRA"
)
_SPACED = rf"(?![{UNSPACED}])"
_LISTED = re.compile(
    rf"(?<!{_SPACED}\w)(?:{_EXCHANGES})(?: ?(?:American|Arca|GS|GM|CM|AIM))?\s?[:：]\s?\Z"
)
_LISTED_CHARS = 24
_MARKET_CODES = """
A AS AT AX BA BE BJ BK BO BR BU CN CO DE DU F HA HE HK HM I IC IL IR IS J JK JO K KL KQ KS L LS MC
MI MU MX N NS NZ O OL OQ P PA PK PR PS QA S SA SG SH SI SN SR SS ST SW SZ T TA TL TO TW TWO V VI VN
VX WA
"""
_MARKETS = frozenset(_MARKET_CODES.split())
_MARKETS_OF_LETTERS = frozenset(("N", "O", "OQ"))
"""Where tickers of one letter are listed; `U.S` and `A.I` are something else."""

_MARKET = re.compile(rf"\.([A-Z]{{1,3}})(?!{_SPACED}[\w&@/]|[-.]{_SPACED}\w)")
_NUMBER = re.compile(r"[0-9]{5,6}")
_BRACKETS = frozenset(zip("(（[【", ")）]】", strict=True))

# A ticker joined to another word is part of that word ("S&P", "T-shirt"); `'s` may follow it.
_JOINED_BEFORE = re.compile(rf"{_SPACED}(?:[\w&@/]|\w[-.'’])\Z")
_JOINED_AFTER = re.compile(rf"{_SPACED}[\w&@/]|[-.]{_SPACED}\w|['’](?![sS]\b){_SPACED}\w")


def is_joined_before(text: str, start: int) -> bool:
    """Whether what begins at `start` goes on with a word."""
    return _JOINED_BEFORE.search(text[max(0, start - 2) : start]) is not None


def is_joined_after(text: str, end: int) -> bool:
    """Whether a word goes on after `end`."""
    return _JOINED_AFTER.match(text, end) is not None


def market_end(text: str, start: int, end: int) -> int | None:
    """Where the market ends that follows the ticker `text[start:end]`, as in `F.N`; else None."""
    match = _MARKET.match(text, end)
    if match is None:
        return None
    if end - start == 1:
        is_market = match.group(1) in _MARKETS_OF_LETTERS and text[match.end() :][:1] != "."
    else:
        is_market = match.group(1) in _MARKETS
    return match.end() if is_market else None


def in_ticker_form(text: str, start: int, end: int) -> bool:
    """Whether `text[start:end]` stands in one of the forms that tickers alone have."""
    if text[max(0, start - 1) : start] == "$":
        return not is_joined_before(text, start - 1) and not is_joined_after(text, end)
    symbol = text[start:end]
    around = text[max(0, start - 1) : start], text[end : end + 1]
    if around in _BRACKETS and _NUMBER.fullmatch(symbol):
        return True
    if symbol != symbol.upper() or is_joined_before(text, start):
        return False
    if market_end(text, start, end) is not None:
        return True
    listed = _LISTED.search(text[max(0, start - _LISTED_CHARS) : start])
    return listed is not None and not is_joined_after(text, end)
