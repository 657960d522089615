"""Uploaded files in an encoding other than UTF-8."""

import pytest

from services.support.ingest.files import read_file
from services.support.ingest.ids import DerivedIds
from shared.errors import InputError

RULE = "七天内可以无理由退货，请保留发票。"


@pytest.mark.parametrize(
    ("name", "content", "title"),
    [
        ("a.md", f"# 退货政策\n\n{RULE}\n", "退货政策"),
        ("a.md", f"---\ntitle: 退货😀\n---\n{RULE}\n", "退货😀"),
        ("退货.txt", RULE, "退货"),
        ("a.html", f"<h1>退货政策</h1><p>{RULE}</p>", "退货政策"),
        ("a.csv", f"question,answer\n怎么退货？,{RULE}\n", "怎么退货？"),
    ],
)
def test_chinese_in_gb18030_is_read(name: str, content: str, title: str) -> None:
    (document,) = read_file(name, content.encode("gb18030"), DerivedIds())
    assert document.title == title
    assert RULE in document.text


@pytest.mark.parametrize(
    ("codec", "content", "said"),
    [
        ("gb18030", "我的卡寄出", "Chinese, GB18030"),
        ("big5", "請到最近的分行辦理，或者在手機應用程式中更改。", "Big5"),
        ("cp932", "カードはどこですか、昨日発送しました。", "Japanese, Shift JIS"),
    ],
)
def test_what_is_not_certain_is_refused_with_its_likely_encoding_and_the_remedy(
    codec: str, content: str, said: str
) -> None:
    with pytest.raises(
        InputError, match=rf"a\.md: line 1 is not UTF-8 .*{said}.* save it as UTF-8"
    ):
        read_file("a.md", content.encode(codec), DerivedIds())
