"""The language of a text, by its writing."""

import pytest

from shared.text.language import Language, Words, language_of, language_of_all


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Where is my card?", Language.ENGLISH),
        ("naïve café, Straße", Language.ENGLISH),
        ("ＡＢＣ", Language.ENGLISH),
        ("What does 微信 Pay cost abroad?", Language.ENGLISH),
        ("我的银行卡在哪里？", Language.CHINESE),
        ("我的銀行卡在哪裡？", Language.CHINESE),
        ("iPhone 15 Pro Max 怎么退货", Language.CHINESE),
        ("怎么在 App 里改 PIN 码", Language.CHINESE),
        ("カードはどこですか", Language.OTHER),
        ("銀行の口座を開設したいのですが", Language.OTHER),
        ("ｶｰﾄﾞ", Language.OTHER),
        ("카드가 아직 도착하지 않았어요", Language.OTHER),
        ("Где моя карта?", Language.OTHER),
        ("ᚠᚢᚦ ᚱᚲ", Language.OTHER),
        ("Где моя карта XR 200 Pro Max?", Language.OTHER),
        ("", None),
        ("123 🙂 ?!", None),
        ("№ 5 €", None),
    ],
)
def test_the_language_of_a_text(text: str, language: Language | None) -> None:
    assert language_of(text) is language


def test_texts_together_have_the_language_of_most_of_their_words() -> None:
    chinese = "我们会在七个工作日内寄出银行卡" * 3
    assert language_of_all([chinese, "A card is sent within a week"]) is Language.CHINESE
    assert language_of_all(["A card is sent within a week " * 20, "微信支付"]) is Language.ENGLISH
    assert language_of_all([]) is None
    assert language_of_all(["12", "!"]) is None


def test_two_characters_of_chinese_are_a_word() -> None:
    assert Words.of("银行卡号 card") == Words(latin=1, chinese=2)
    assert Words.of("a b") + Words.of("在哪") == Words(latin=2, chinese=1)
