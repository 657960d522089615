"""Writing: which characters are of a script, and common words in it.

Scripts that most models of English know (Latin with its marks) do not stand here.
"""

from dataclasses import dataclass
from typing import Final

UNSPACED: Final = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
"""Characters between which a word may begin and end without a space, as ranges of a regular
expression: of scripts without spaces, and of Korean, where particles follow a name directly."""


@dataclass(frozen=True, slots=True)
class Script:
    """Characters of a script as ranges of a regular expression, and common words in it.

    `is_spaced` is whether spaces stand between its words.
    """

    ranges: str
    words: str
    is_spaced: bool = True


HAN: Final = Script(
    r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f",
    "这个订单什么时候可以发货我想知道怎么退款请问为什么还没有收到银行卡密码",
    is_spaced=False,
)
KANA: Final = Script(
    r"\u3040-\u30ff\uff66-\uff9f",
    "カードがまだとどいていませんがどうすればいいですか",
    is_spaced=False,
)
HANGUL: Final = Script(
    r"\u1100-\u11ff\u3130-\u318f\uac00-\ud7af",
    "주문한 카드가 아직 도착하지 않았는데 어떻게 해야 하나요",
)
SCRIPTS: Final = (
    HAN,
    KANA,
    HANGUL,
    Script(r"\u0400-\u052f", "когда придёт карта почему не работает заказ деньги вернуть пароль"),
    Script(
        r"\u0370-\u03ff\u1f00-\u1fff", "πότε έρχεται κάρτα παραγγελία γιατί χρήματα λογαριασμός"
    ),
    Script(
        r"\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufeff",
        "متى تصل البطاقة لماذا الطلب كيف أسترجع المال حسابي",
    ),
    Script(r"\u0590-\u05ff", "מתי מגיע הכרטיס למה ההזמנה איך להחזיר כסף חשבון"),
    Script(r"\u0900-\u097f", "कार्ड कब आएगा ऑर्डर क्यों पैसे वापस कैसे खाता"),
    Script(r"\u0980-\u09ff", "কার্ড কখন আসবে অর্ডার কেন টাকা ফেরত কিভাবে"),
    Script(r"\u0b80-\u0bff", "அட்டை எப்போது வரும் பணம் திரும்ப எப்படி கணக்கு"),
    Script(r"\u0e00-\u0e7f", "บัตรจะมาถึงเมื่อไหร่ทำไมฉันยังไม่ได้รับเงินคืน", is_spaced=False),
    Script(r"\u0530-\u058f", "երբ կգա քարտը ինչու պատվեր գումար հաշիվ"),
    Script(r"\u10a0-\u10ff", "როდის მოვა ბარათი რატომ შეკვეთა ფული ანგარიში"),
)
