"""Words of English and of Chinese, as the lexical side counts them."""

import numpy as np

from shared.retrieval.sparse import Sparse
from shared.retrieval.tokens import tokenize


def test_a_chinese_question_finds_its_passage() -> None:
    passages = ["运费由买家承担", "退款会在七个工作日内到账", "积分可以兑换优惠券"]
    sparse = Sparse.of([tokenize(passage) for passage in passages])
    assert np.argmax(sparse.scores(tokenize("多久能收到退款？"))) == 1
    assert sparse.scores(tokenize("天气怎么样")).max() == 0
