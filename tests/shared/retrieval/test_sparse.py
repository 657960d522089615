"""Words of English and of Chinese, as the lexical side counts them."""

import subprocess
import sys

import numpy as np
import pytest

from shared.retrieval.sparse import Sparse, tokenize


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Are the cards blocked?", {"card", "block"}),
        ("我的银行卡在哪里", {"银行", "银行卡", "哪里"}),
        ("怎么在 App 里改 PIN 码？", {"怎么", "app", "里", "改", "pin", "码"}),
        ("在App里改PIN码", {"app", "里", "改", "pin", "码"}),
        ("ＡＰＰ　ｃａｒｄｓ", {"app", "card"}),
        ("订单号：ＸＲ－２００", {"订单", "单号", "订单号", "xr", "200"}),
        ("", set()),
    ],
)
def test_the_words_of_a_text(text: str, tokens: set[str]) -> None:
    assert set(tokenize(text)) == tokens


def test_a_chinese_question_finds_its_passage() -> None:
    passages = ["运费由买家承担", "退款会在七个工作日内到账", "积分可以兑换优惠券"]
    sparse = Sparse.of([tokenize(passage) for passage in passages])
    assert np.argmax(sparse.scores(tokenize("多久能收到退款？"))) == 1
    assert sparse.scores(tokenize("天气怎么样")).max() == 0


def test_the_dictionary_is_not_loaded_for_english() -> None:
    program = (
        "import sys; from shared.retrieval.sparse import tokenize\n"
        "tokenize('Where are my cards?'); print('rjieba' in sys.modules)\n"
        "tokenize('退款'); print('rjieba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True"]
