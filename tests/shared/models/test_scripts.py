"""Scripts that a tokenizer does not know, told from names, symbols and emoji."""

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import BertPreTokenizer

from shared.models.scripts import UnknownScripts
from shared.models.tasks import Input
from shared.text.scripts import HAN, SCRIPTS, Script


def tokenizer(*words: str) -> Tokenizer:
    """One that knows these words, and every letter of them."""
    letters = {letter for word in words for letter in word}
    pieces = ["[UNK]", *words, *letters, *(f"##{letter}" for letter in letters)]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    made = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = BertPreTokenizer()
    return made


@pytest.fixture(scope="module")
def english() -> UnknownScripts:
    """A vocabulary as the shipped backbone's: English words, and the letters of other scripts."""
    letters = {letter for script in SCRIPTS[2:] for letter in script.words if letter != " "}
    return UnknownScripts(tokenizer("card", "where", "is", "my", *letters), 0)


@pytest.mark.parametrize(
    "text",
    [
        "我的银行卡在哪里",
        "我的 card 在哪里？",
        "怎么取消 my order",
        "カードはどこですか",
        "카드가 아직 도착하지 않았어요",
        "Где моя карта?",
        "Где моя card, XR-200?",
        "أين بطاقتي؟",
        "מתי מגיע הכרטיס",
        "Πού είναι η κάρτα μου;",
        "मेरा कार्ड कहाँ है",
        "บัตรของฉันอยู่ที่ไหน",
    ],
)
def test_a_text_in_a_script_that_is_not_known(english: UnknownScripts, text: str) -> None:
    assert english.share(text) >= 0.5


@pytest.mark.parametrize(
    "text",
    [
        "Where is my card?",
        "Where is my card 😊😊🙏🏽👨‍👩‍👧?",
        "naïve café, Straße, Zażółć gęślą jaźń, Đơn hàng của tôi",
        "SKU-8F3K2 №5 ±5 % £20 → 10 kΩ, α and β, 12345",
        "",
        "12345",
        "???",
    ],
)
def test_names_symbols_and_emoji_are_no_script(english: UnknownScripts, text: str) -> None:
    assert english.share(text) == 0


@pytest.mark.parametrize(
    ("text", "share"),
    [("I sent money to Иван Петров, where is it?", 2 / 9), ("How do I 退货 my order", 1 / 6)],
)
def test_a_foreign_name_is_a_small_share(english: UnknownScripts, text: str, share: float) -> None:
    assert english.share(text) == pytest.approx(share)


@pytest.mark.parametrize("script", SCRIPTS, ids=[script.words[:4] for script in SCRIPTS])
def test_a_script_is_known_where_its_words_are_in_the_vocabulary(script: Script) -> None:
    words = list(script.words) if script is HAN else script.words.split()
    known = UnknownScripts(tokenizer(*words), 0)
    spelled = UnknownScripts(tokenizer(*set(script.words.replace(" ", ""))), 0)

    assert known.share(script.words) == 0
    assert spelled.share(script.words) == (0 if script is HAN else 1)


@pytest.mark.parametrize(
    ("given", "ids", "share"),
    [
        ("a", [0], 0.0),
        (("where", "is"), [1], 0.0),
        ("карта", [1], 1.0),
        (("card", "карта"), [1], 0.5),
        # A script that nobody listed: none of its words is known, and its letters neither.
        ("ᚠᚢᚦ card ᚱᚲ", [0, 1, 0], 2 / 3),
        ("ᚠᚢᚦ card ᚱᚲ", [1], 0.0),
        ("card 🙂🙂 №", [1, 0, 0], 0.0),
        ("🙂", [0], 0.0),
    ],
)
def test_the_share_of_words_that_cannot_be_read(
    english: UnknownScripts, given: Input, ids: list[int], share: float
) -> None:
    assert english.unread(given, np.array(ids)) == pytest.approx(share)
