"""The tokens of a text: English stems, Chinese words, and words that a team adds."""

import subprocess
import sys
from pathlib import Path

import pytest

from shared.errors import ConfigError
from shared.retrieval.tokens import read_words, tokenize


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Are the cards blocked?", {"card", "block"}),
        ("我的银行卡在哪里", {"银行", "银行卡", "哪里"}),
        ("怎么在 App 里改 PIN 码？", {"怎么", "app", "里", "改", "pin", "码"}),
        ("在App里改PIN码", {"app", "里", "改", "pin", "码"}),
        ("ＡＰＰ　ｃａｒｄｓ", {"app", "card"}),
        ("订单号：ＸＲ－２００", {"订单", "单号", "订单号", "xr", "200"}),
        ("訂單號：ＸＲ－２００", {"订单", "单号", "订单号", "xr", "200"}),
        ("退款😀多久👍🏽到账", {"退款", "多久", "到", "账"}),
        ("Apple Pay怎么绑卡", {"appl", "pay", "怎么", "绑卡"}),
        ("카드가 안 와요", {"카드가", "안", "와요"}),
        ("ﾎﾟｲﾝﾄ", {"ポイント"}),
        ("❤️", set()),
        ("", set()),
    ],
)
def test_the_words_of_a_text(text: str, tokens: set[str]) -> None:
    assert set(tokenize(text)) == tokens


def test_half_width_kana_are_the_same_words() -> None:
    assert tokenize("ｶｰﾄﾞの再発行") == tokenize("カードの再発行")


def test_the_dictionary_is_not_loaded_for_english() -> None:
    program = (
        "import sys; from shared.retrieval.tokens import tokenize\n"
        "tokenize('Where are my cards?'); print('rjieba' in sys.modules)\n"
        "tokenize('退款'); print('rjieba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True"]


def test_added_words_are_not_cut_in_either_form() -> None:
    program = (
        "from shared.retrieval.tokens import add_words, tokenize\n"
        "print('榕付卡' in tokenize('榕付卡怎么挂失'))\n"
        "add_words(['榕付卡'])\n"
        "print('榕付卡' in tokenize('榕付卡怎么挂失'), '榕付卡' in tokenize('榕付卡嗎'))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True", "True"], done.stderr


def test_a_file_of_words_is_read_and_its_faults_are_named(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("# our products\n云栖卡\n\n 榕付 \n", "utf-8")
    assert read_words(path) == ["云栖卡", "榕付"]

    path.write_text("云栖卡\n榕付 卡\n", "utf-8")
    with pytest.raises(ConfigError, match="line 2: '榕付 卡' is not one word of at most 30"):
        read_words(path)
    path.write_bytes("云栖卡".encode("gb18030"))
    with pytest.raises(ConfigError, match="is not UTF-8"):
        read_words(path)
    path.write_text("词" * 700_000, "utf-8")
    with pytest.raises(ConfigError, match="more than 2,000,000 bytes"):
        read_words(path)
    with pytest.raises(ConfigError, match=r"none\.txt cannot be read"):
        read_words(tmp_path / "none.txt")
