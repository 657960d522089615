import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import ConfigError
from shared.sentiment.gazetteer import Entry, Gazetteer

ENTRIES = (
    Entry("AT&T", ("American Telephone",), ("T",)),
    Entry("Gap"),
    Entry("Apple", (), ("AAPL", "BRK.B")),
    Entry("Apple Pay"),
    Entry("eBay"),
    Entry("Müller Straße AG"),
    Entry("ソニー"),
    Entry("हिंदी"),
    Entry("McDonald's"),
    Entry("Delta Air", ("Delta",)),
    Entry("Delta Faucet", ("Delta",)),
)


@pytest.fixture(scope="module")
def gazetteer() -> Gazetteer:
    return Gazetteer(ENTRIES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Apple Pay’s fee, apple pie", [("Apple Pay", "Apple Pay")]),
        ("Apple. Pay day", [("Apple", "Apple")]),
        ("Pineapple and Apples", []),
        ("Apple-owned maps", [("Apple", "Apple")]),
        ("mind the gap, Gap's loss", [("Gap", "Gap")]),
        ("apple falls in a text without capitals", [("Apple", "apple")]),
        ("APPLE PAY OUTAGE", [("Apple Pay", "APPLE PAY")]),
        ("ebay and eBay", [("eBay", "ebay"), ("eBay", "eBay")]),
        ("MCDONALD’S sues", [("McDonald's", "MCDONALD’S")]),
        ("MÜLLER STRASSE AG x", [("Müller Straße AG", "MÜLLER STRASSE AG")]),
        ("İİ ﬁ Müller Straße AG", [("Müller Straße AG", "Müller Straße AG")]),
        ("Mu\u0308ller Straße AG", [("Müller Straße AG", "Mu\u0308ller Straße AG")]),
        ("😀😀 Gap", [("Gap", "Gap")]),
        ("本日ソニー株が下落", [("ソニー", "ソニー")]),
        ("हिंदीx हिंदी", [("हिंदी", "हिंदी")]),
        ("Delta up", [("Delta Air", "Delta"), ("Delta Faucet", "Delta")]),
    ],
)
def test_names(gazetteer: Gazetteer, text: str, expected: list[tuple[str, str]]) -> None:
    found = [(span.entity, text[span.start : span.end]) for span in gazetteer.find(text)]
    assert found == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$T up, $aapl down", [("AT&T", "$T"), ("Apple", "$aapl")]),
        ("AT&T and T-Mobile, T falls", [("AT&T", "AT&T")]),
        ("Buy AAPL, aapl or (NYSE:AAPL)", [("Apple", "AAPL"), ("Apple", "AAPL")]),
        ("AAPL's and AAPL-like", [("Apple", "AAPL")]),
        ("Sell BRK.B.", [("Apple", "BRK.B")]),
        ("ALL CAPS AAPL", []),
        ("ALL CAPS $AAPL", [("Apple", "$AAPL")]),
        ("US$T, a$T, @AAPL", []),
        ("one\n$T", [("AT&T", "$T")]),
        ("costs $5 or $", []),
        ("AAPL.O, <BRK.B.N>", [("Apple", "AAPL.O"), ("Apple", "BRK.B.N")]),
        ("NASDAQ: AAPL, (NYSE: T)", [("Apple", "AAPL"), ("AT&T", "T")]),
        ("T.N leads, U.S.T not", [("AT&T", "T.N")]),
    ],
)
def test_tickers(gazetteer: Gazetteer, text: str, expected: list[tuple[str, str]]) -> None:
    found = [(span.entity, text[span.start : span.end]) for span in gazetteer.find(text)]
    assert found == expected


WORD_TICKERS = Gazetteer(
    [
        Entry("Ford", (), ("F",)),
        Entry("Gold Fields", ("Gold",), ("GFI",)),
        Entry("Gartner", (), ("IT",)),
        Entry("Allstate", ("ALL",), ("ALL",)),
        Entry("ServiceNow", (), ("NOW",)),
        Entry("General Motors", ("GM",), ("GM",)),
    ]
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fed holds, Goldman gains, Italy allows it all now", []),
        ("IT spending is up, says the Fed. NOW or never, Plan F", []),
        ("IT ALL FALLS NOW", []),
        ("it all falls now as gm recalls cars", ["General Motors"]),
        ("$F, $it and $NOW rise", ["Ford", "Gartner", "ServiceNow"]),
        ("(NYSE: F), (NYSE:IT) and NYSE : NOW", ["Ford", "Gartner", "ServiceNow"]),
        ("F.N, <IT.N> and (NOW.N)", ["Ford", "Gartner", "ServiceNow"]),
        ("GM and gm, Gm; ALL is Allstate", ["General Motors", "Allstate", "Allstate"]),
        ("A.I. and U.S. and F.I", []),
        ("Gold gains, gold too", ["Gold Fields"]),
    ],
)
def test_a_ticker_that_is_a_word_needs_a_form_that_words_do_not_have(
    text: str, expected: list[str]
) -> None:
    assert [span.entity for span in WORD_TICKERS.find(text)] == expected


CHINESE = Gazetteer(
    [
        Entry("腾讯控股", ("腾讯",), ("00700", "0700.HK", "TCEHY")),
        Entry("贵州茅台", ("茅台",), ("600519",)),
        Entry("京东", (), ("JD",)),
        Entry("京东方"),
        Entry("TCL科技", ("TCL",)),
        Entry("IT之家", ("IT",), ("IT",)),
    ]
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("昨日腾讯控股股价大涨，腾讯宣布回购", ["腾讯控股", "腾讯"]),
        ("騰訊與貴州茅台齊升，騰訊控股領先", ["騰訊", "貴州茅台", "騰訊控股"]),
        ("京东方面板涨价，京东不受影响", ["京东方", "京东"]),
        ("ＴＣＬ科技与TCL科技是一家", ["ＴＣＬ科技", "TCL科技"]),
        ("（600519）今日停牌,营收600519元", ["600519"]),
        ("报道称(00700.HK)与茅台【600519】【2024】", ["00700.HK", "茅台", "600519"]),
        ("600519.SH涨停，SZ：600519不存在，在SSE：600519", ["600519.SH", "600519", "600519"]),
        ("买入TCEHY和JD。", ["TCEHY", "JD"]),
        ("IT行业招聘，AI热", []),
        ("看好$JD，不看XJD与JD2", ["$JD"]),
    ],
)
def test_names_and_numbers_in_chinese(text: str, expected: list[str]) -> None:
    assert [text[span.start : span.end] for span in CHINESE.find(text)] == expected


def test_of_overlapping_names_the_longest_wins() -> None:
    gazetteer = Gazetteer([Entry("Bank of"), Entry("Bank"), Entry("of America Corporation")])
    assert [span.entity for span in gazetteer.find("Bank of America Corporation")] == [
        "Bank",
        "of America Corporation",
    ]


def test_a_name_is_known_whatever_its_case_and_form() -> None:
    gazetteer = Gazetteer([Entry("Müller Straße AG", ("MSAG",))])
    assert gazetteer.own_name("MU\u0308LLER  STRASSE AG") == "Müller Straße AG"
    assert gazetteer.own_name("MSAG") is None


def test_many_names_in_a_long_text_take_no_time() -> None:
    text = "Gap Apple Pay " * 1_400
    begin = time.process_time()
    assert len(Gazetteer(ENTRIES).find(text)) == 2_800
    assert time.process_time() - begin < 1


def test_an_own_name_wins_over_an_alias() -> None:
    gazetteer = Gazetteer([Entry("Orrin Group", ("Orrin",)), Entry("Orrin")])
    assert [span.entity for span in gazetteer.find("Orrin gains")] == ["Orrin"]


WORDS = st.sampled_from(["Apple", "pay", "Pay", "AT&T", "Gap", "$T", "x", "ソニー", "İ", "ß", "😀"])


@given(st.lists(st.tuples(WORDS, st.sampled_from([" ", "", ".", "-", "’", "\n", "\u00a0"]))))
def test_spans_are_ordered_whole_words_of_the_text(parts: list[tuple[str, str]]) -> None:
    text = "".join(word + gap for word, gap in parts)
    end = 0
    for span in Gazetteer(ENTRIES[:-2]).find(text):
        assert end <= span.start < span.end <= len(text)
        end = span.end
        if text[span.start : span.end].isascii():
            assert not re.search(r"[a-zA-Z0-9ß]\Z", text[: span.start])
            assert not re.match(r"[a-zA-Z0-9ß]", text[span.end :])


@given(st.text(max_size=60))
def test_any_text_is_read(text: str) -> None:
    for span in Gazetteer(ENTRIES).find(text):
        assert text[span.start : span.end]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{", "line 2"),
        ("[]", "line 2: expected an object"),
        ('{"entity": 1}', "line 2: entity: expected a text"),
        ('{"entity": "A", "ticker": []}', "ticker: "),
        ('{"entity": "A", "aliases": "B"}', "line 2: aliases: expected a list"),
        ('{"entity": "A", "tickers": [1]}', "tickers.0: expected a text"),
        ('{"entity": "A", "tickers": ["$A"]}', "without `\\$`"),
        ('{"entity": "…"}', "without any letter"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path: Path, line: str, fault: str) -> None:
    path = tmp_path / "names.jsonl"
    path.write_text(f'{{"entity": "Gap"}}\n{line}\n', "utf-8")
    with pytest.raises(ConfigError, match=fault):
        Gazetteer.load(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        Gazetteer.load(tmp_path / "none.jsonl")


def test_a_hundred_thousand_names(tmp_path: Path) -> None:
    path = tmp_path / "names.jsonl"
    names = [f"Company {number} Holdings" for number in range(100_000)]
    path.write_text("\n".join(json.dumps({"entity": name}) for name in names), "utf-8")
    begin = time.process_time()
    gazetteer = Gazetteer.load(path)
    assert time.process_time() - begin < 20
    text = "Shares of Company 99999 Holdings, Company 7 Holdings and Company 7 gain"
    assert [span.entity for span in gazetteer.find(text)] == [names[99_999], names[7]]
    begin = time.process_time()
    for _ in range(1_000):
        gazetteer.find(text)
    assert (time.process_time() - begin) / 1_000 < 500e-6
