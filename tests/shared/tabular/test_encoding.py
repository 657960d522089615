"""An encoding is read rightly or not at all: a wrong guess would be worse than none."""

import pytest

from shared.errors import InputError
from shared.tabular.encoding import decode_text
from shared.tabular.guess import guess_encoding
from shared.tabular.rows import BadRow, Row
from shared.tabular.table import open_table

SURE = [
    ("cp1252", "Comment changer mon code ?,Allez à l’agence la plus proche et demandez-le.\n"),
    ("cp1252", "Café;oui\n"),
    ("cp1252", "Le café très cher, après l’été passé;oui\n"),
    ("cp1252", "Señor Muñoz, mañana, niño, año, España;no\n"),
    ("cp1252", "Wie ändere ich die Zahl?;Zur nächsten Filiale. Die Gebühr beträgt 5 €.\n"),
    ("cp1252", "How do I reset my PIN?,Don’t worry – use the “Reset” button.\n"),
    ("cp1252", "¿Dónde está mi tarjeta?,La envió el banco mañana. ¡Gracias!\n"),
    ("cp1252", "Onde está o cartão?;As informações estão nas opções. Não há preço.\n"),
    ("cp1252", "Hur byter jag kod?;Gå till närmaste kontor så hjälper vi dig. Öppet från nio.\n"),
    ("cp1252", "Hvor er kortet?;Det blev sendt i går, vær venlig at vente på brevet. Tak før.\n"),
    ("gb18030", "退货政策,七天内可以无理由退货，请保留发票。\n配送时间,一般三到五天送达。\n"),
    ("gb18030", "物流太慢了,差评\n质量很好,好评\n一般般吧,中评\n客服态度差,差评\n"),
    ("gb18030", "1,不锈钢保温杯,59\n2,蓝牙耳机,199\n3,折叠雨伞,39\n4,机械键盘,299\n"),
]
UNSURE = [
    ("cp1250", "Gdzie jest moja karta?;Została wysłana wczoraj. Proszę czekać na przesyłkę.\n"),
    ("cp1250", "Kde je moje karta?;Byla odeslána včera, prosím počkejte. Účet je v pořádku.\n"),
    ("cp1250", "Hol van a kártyám?;Az idő három nap, és őrizze meg a levelet, kérjük.\n"),
    ("cp1250", "Unde este cardul?;A fost trimis ieri. Vă rugăm să aşteptaţi.\n"),
    ("cp1250", "Účet je v pořádku, děkujeme.;Kde?\n"),
    ("cp1250", "Levél, amely későn jött, és elkésett.;Idő\n"),
    ("cp1250", "Prejšnji račun, račun za včeraj;Čas\n"),
    ("cp1252", "Après le café;oui\n"),
    ("cp1250", "Ustaw LC_ALL=C żeby obejść problem\n"),
    ("mac_roman", "Limita la actualización de una fuente específica\n"),
    ("cp850", "où est la carte de crédit ?\n"),
    ("cp1258", "Âm thanh Dolby Digital;Bàn phím Memorex; Lưu màu vào đây\n"),
    ("cp1251", "Где моя карта?;Она отправлена вчера, пожалуйста, подождите.\n"),
    ("cp1253", "Πού είναι η κάρτα μου;Εστάλη χθες, παρακαλώ περιμένετε.\n"),
    ("cp1254", "Kartım nerede?;Dün gönderildi, lütfen bekleyiniz. Şifrenizi değiştirin.\n"),
    ("cp1255", "איפה הכרטיס שלי?,נשלח אתמול.\n"),
    ("cp1256", "أين بطاقتي؟,تم إرسالها أمس\n"),
    ("cp1257", "Kur yra mano kortelė?;Ji buvo išsiųsta vakar, prašome palaukti žinutės.\n"),
    ("cp874", "บัตรของฉันอยู่ที่ไหน,ส่งไปเมื่อวาน\n"),
    ("big5", "如何更改我的密碼?,請到最近的分行辦理，或者在手機應用程式中更改。\n"),
    ("cp932", "カードはどこですか?,昨日発送しました。しばらくお待ちください。\n"),
    ("euc_jp", "東京駅,東京都千代田区丸内\n大阪城公園,大阪市中央区\n日本銀行,金融政策決定会合\n"),
    ("euc_jp", "カードはどこですか?,昨日発送しました。しばらくお待ちください。\n"),
    ("cp949", "제 카드는 어디에 있나요?,어제 발송되었습니다. 잠시만 기다려 주세요.\n"),
    ("mac_roman", "Où est ma carte ?,Elle a été envoyée. “Merci”, it’s “here”.\n"),
    ("mac_roman", "Don’t worry,use “Reset”\n"),
    ("cp850", "Wie ändere ich die Zahl?;Gehen Sie zur nächsten Filiale.\n"),
    ("cp437", "Wie ändere ich die Zahl?;Gehen Sie zur nächsten Filiale.\n"),
    ("koi8_r", "Где моя карта?;Она отправлена вчера, пожалуйста, подождите.\n"),
    ("iso8859-15", "Le coût est de 5 €;œuvre\n"),
    ("gb18030", "我的卡,寄出\n"),
]


@pytest.mark.parametrize(("codec", "text"), SURE)
def test_what_is_sure_is_read(codec: str, text: str) -> None:
    found, _ = guess_encoding(text.encode(codec))

    assert found is not None
    assert text.encode(codec).decode(found) == text


@pytest.mark.parametrize(("codec", "text"), UNSURE)
def test_what_may_be_several_is_refused(codec: str, text: str) -> None:
    found, doubt = guess_encoding(text.encode(codec))

    assert found is None
    assert doubt
    with pytest.raises(InputError, match=r"line 2 is not UTF-8 .*cannot be told for certain"):
        open_table(f"question;answer\n{text}".encode(codec), name="faq.csv")


@pytest.mark.parametrize("text", ["我的卡,寄出\n", "怎么退款，怎么退货"])
def test_too_little_chinese_is_refused_by_the_names_that_it_may_have(text: str) -> None:
    with pytest.raises(InputError, match=r"it may be .*Chinese, GB18030.*; save it as UTF-8"):
        decode_text(text.encode("gb18030"), name="a.md")


def test_a_language_whose_letters_are_the_same_in_both_is_read() -> None:
    text = "Hol van a kártyám?;Elküldtük, kérjük, várjon türelemmel.\n"

    assert guess_encoding(text.encode("cp1250"))[0] == "cp1252"
    assert text.encode("cp1250").decode("cp1252") == text


def test_a_few_rows_of_another_encoding_are_bad_rows_of_a_utf8_file() -> None:
    lines = ["question,answer", "Où ?,Là.", "À Noël,naïve", "Qui,toi"]
    content = "\n".join(lines).encode() + b"\nprivate,caf\xe9\nlast,one\n"

    rows = list(open_table(content, name="a.csv").rows())

    assert [row.number for row in rows if isinstance(row, Row)] == [2, 3, 4, 6]
    (bad,) = [row for row in rows if isinstance(row, BadRow)]
    assert (bad.number, bad.reason) == (
        5,
        "'answer' is not UTF-8 at its character 4: convert the row (in Windows-1252 it says "
        "'café')",
    )


def test_a_broken_row_of_json_lines_is_one_bad_row() -> None:
    content = '{"a": "é"}\n'.encode() + b'{"a": "caf\xe9"}\n{"a": 1}\n'

    rows = list(open_table(content, name="a.jsonl").rows())

    assert [isinstance(row, Row) for row in rows] == [True, False, True]
    assert isinstance(rows[1], BadRow)
    assert rows[1].reason == "not UTF-8: its byte 11 is 0xe9: convert the row"


def test_a_nul_in_utf8_is_no_utf16() -> None:
    (row,) = open_table(b"a,b\n" + b"x" * 500 + b"\0,2\n", name="a.csv").rows()

    assert isinstance(row, Row)
    assert row.values["a"] == "x" * 500 + "\0"


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf16_that_is_cut_is_refused_by_its_name(codec: str) -> None:
    content = ("\ufeffquestion,answer\n" * 3).encode(codec)[:-1]

    with pytest.raises(InputError, match=r"begins as UTF-16 .E, and its byte \d+ is not"):
        open_table(content, name="a.csv")


def test_a_text_is_decoded_or_refused_with_its_lines() -> None:
    assert decode_text("Désolé".encode("utf-16"), name="a.md") == "Désolé"
    assert decode_text("Désolé, à demain".encode("cp1252"), name="a.md") == "Désolé, à demain"
    with pytest.raises(InputError, match=r"a\.md: line 2 is not UTF-8 .*some are not"):
        decode_text("é\n".encode() + b"\xe9\n", name="a.md")
