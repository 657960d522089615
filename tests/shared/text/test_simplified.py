import pytest

from shared.text.simplified import simplified, simplified_character


@pytest.mark.parametrize(
    ("text", "expected"),
    [("騰訊控股漲了", "腾讯控股涨了"), ("腾讯", "腾讯"), ("a 株。", "a 株。"), ("", "")],
)
def test_traditional_forms_are_simplified(text: str, expected: str) -> None:
    assert simplified(text) == expected
    assert "".join(map(simplified_character, text)) == expected
