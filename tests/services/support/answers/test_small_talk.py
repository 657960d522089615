"""Small talk is answered in kind; one word more makes it a question."""

from pathlib import Path

import orjson
import pytest

from services.support.answers.small_talk import (
    DEFAULT_FILE,
    Reply,
    SmallTalk,
    SmallTalkFile,
    load_small_talk,
)
from shared.config import read_yaml
from shared.errors import ConfigError
from shared.text.language import Language, language_of
from tests.harness.data import ROOT

SHIPPED = load_small_talk()
FILE = SmallTalkFile.model_validate(read_yaml(DEFAULT_FILE))
REPLIES = {name: Reply(kind.answer) for name, kind in FILE.kinds.items()}


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        *[
            (text, "greeting")
            for text in ("hello", "Hi!", "HELLOOO!!!", "heyyy", "Good morning, team")
        ],
        *[
            (text, "thanks")
            for text in ("thanks!", "Thank you so much for your help 🙏", "thx", "👍🏽")
        ],
        *[(text, "thanks") for text in ("hi there, thanks a lot!", "Great, thank you very much.")],
        *[(text, "thanks") for text in ("You’re the best!", "❤️")],
        *[
            (text, "goodbye")
            for text in ("ok bye", "ok, thanks. bye!", "Tschüß", "have a nice day :)")
        ],
        *[(text, "how_are_you") for text in ("how are you?", "hi, how's it going")],
        *[(text, "acknowledged") for text in ("ok", "okay got it", "that's all", "No thanks!")],
        *[(text, "opening") for text in ("I need help", "hello, can you help me?")],
        *[(text, "yes") for text in ("yes", "Yes please!", "yep")],
        *[(text, "no") for text in ("no", "Nope.", "no, not really")],
        *[(text, "apology") for text in ("Sorry!", "oh sorry, my mistake")],
        *[(text, "unhappy") for text in ("useless bot", "You suck!!!", "that did not help")],
        *[(text, "thanks") for text in ("yes, thanks", "no thanks, you've been a star")],
        *[(text, "zh_thanks") for text in ("谢谢！", "好嘞谢谢啦", "好的 谢谢老师")],
        *[(text, "zh_greeting") for text in ("你好呀", "在吗？", "您好请问有人吗")],
        *[(text, "zh_goodbye") for text in ("没事了，拜拜", "行 先这样吧 再见")],
        *[(text, "zh_about_me") for text in ("你是机器人吧", "你是真人还是AI啊")],
        *[(text, "zh_acknowledged") for text in ("嗯嗯好的", "行吧，知道了")],
        *[(text, "about_me") for text in ("are you a robot?", "hello, are you a real person")],
    ],
)
def test_small_talk_is_answered_in_kind(message: str, kind: str) -> None:
    assert SHIPPED.reply(message) == REPLIES[kind]


@pytest.mark.parametrize(
    "message",
    [
        *("hello, my card is lost", "thanks but it did not work", "hi i need help with my card"),
        *("great, how do I do that?", "bye bye card", "fine, what is my PIN", "thank you card"),
        *("you", "", "???", "...", "1", "hello 5", "hi " * 100, "yes the card", "no, my other one"),
        *("thanks, and how long does it take?", "ok and abroad?", "sorry, which form?"),
        *("what can you do about my card", "can I speak to the driver", "give me a refund"),
        *("谢谢，多久能到？", "好的，怎么退款", "你好我的卡丢了", "可以退吗"),
    ],
)
def test_anything_more_is_no_small_talk(message: str) -> None:
    assert SHIPPED.reply(message) is None


@pytest.mark.parametrize(
    "message",
    [
        *("I want to speak to someone", "agent please", "Can I talk to a real person?", "human!"),
        *("hello, could I please speak with a human", "no, I want to talk to an agent now"),
        *("useless bot, let me talk to a person", "转人工", "你好，我要人工客服", "帮我转接人工"),
    ],
)
def test_who_asks_for_a_person_is_handed_over(message: str) -> None:
    reply = SHIPPED.reply(message)

    assert reply is not None
    assert reply.hands_over


NEAR = (0.9, 0.5)


@pytest.mark.parametrize(
    ("message", "phrase", "likeness", "lead", "kind"),
    [
        ("thank you, that answers everything", "that was helpful", 0.4, 0.15, "thanks"),
        ("thank you, that answers everything", "that was helpful", 0.39, 0.9, None),
        ("thank you, that answers everything", "that was helpful", 0.9, 0.14, None),
        ("thank you, is that everything?", "that was helpful", 0.5, 0.19, None),
        ("is this Lotte or a chatbot?", "is this a chatbot", 0.6, 0.2, "about_me"),
        ("is this Lotte or a chatbot?", "is this a chatbot", 0.59, 0.9, None),
        ("is this Lotte or a chatbot?", "is this a chatbot", 0.9, 0.19, None),
        ("thanks but it stopped", "thank you", *NEAR, None),
        ("how nice of you", "nice of you", *NEAR, None),
        ("thank you for number 5", "thank you", *NEAR, None),
        ("so kind " * 100, "thank you", *NEAR, None),
    ],
)
def test_what_means_the_same_is_small_talk_within_bounds(
    message: str, phrase: str, likeness: float, lead: float, kind: str | None
) -> None:
    expected = None if kind is None else REPLIES[kind]
    own = SmallTalk(
        SmallTalkFile.model_validate(
            {
                "kinds": {
                    "thanks": {
                        "answer": FILE.kinds["thanks"].answer,
                        "phrases": ["thank you", "nice of you", "that was helpful"],
                    },
                    "about_me": {
                        "answer": FILE.kinds["about_me"].answer,
                        "phrases": ["is this a chatbot"],
                    },
                },
                "asking": ["but", "how"],
            }
        )
    )

    assert own.near_reply(message, phrase, likeness, lead) == expected


def test_what_is_compared_with_is_of_several_words_and_asks_for_no_person() -> None:
    assert len(SHIPPED.questions) > 100
    assert len(SHIPPED.phrases) > 300
    for phrase in SHIPPED.phrases:
        reply = SHIPPED.reply(phrase)
        assert reply is not None, phrase
        assert not reply.hands_over, phrase
    assert "hello" not in SHIPPED.phrases
    for question in SHIPPED.questions:
        assert SHIPPED.reply(question) is None, question


def test_a_team_has_its_own_phrases(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(
        "kinds:\n  cheer: {answer: Hooray!, phrases: [go owls]}\nfillers: [my dear]\n", "utf-8"
    )

    own = load_small_talk(file)

    assert own.reply("Go, owls! My dear!") == Reply("Hooray!")
    assert own.reply("my dear") is None
    assert own.reply("hello") is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("kinds: {a: {answer: x, phrases: []}}", "kinds.a.phrases"),
        ("kinds: {}\nnear: {alone: {likeness: 2, lead: 0}}", "near.alone.likeness"),
        ("kinds: {a: {answer: '', phrases: [b]}}", "kinds.a.answer"),
        ("kinds: {a: {phrases: [b]}}", "kinds.a.answer"),
        ("words: [a]", "words"),
        ("- a", "mapping"),
        ("kinds: [", "YAML"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(content, "utf-8")

    with pytest.raises(ConfigError, match=message):
        load_small_talk(file)


def test_written_questions_are_no_small_talk_by_their_words() -> None:
    files = (ROOT / "pipelines" / "help_centres").glob("*/questions.jsonl")
    rows = [orjson.loads(line) for file in files for line in file.read_bytes().splitlines()]
    questions = [row["turns"][-1] for row in rows if row["answerable"] is not None]
    talk = [row["turns"][-1] for row in rows if row["answerable"] is None]

    taken = [text for text in questions if SHIPPED.reply(text) is not None]

    assert len(questions) > 3_000
    assert len(taken) <= 0.002 * len(questions), taken
    assert sum(SHIPPED.reply(text) is not None for text in talk) > len(talk) / 2


def test_the_phrases_of_the_shipped_file_answer_themselves() -> None:
    assert len(FILE.kinds) > 5
    for name, kind in FILE.kinds.items():
        for phrase in kind.phrases:
            assert SHIPPED.reply(phrase) == REPLIES[name], phrase
    assert FILE.person is not None
    for phrase in FILE.person.phrases:
        own = FILE.person.answers.get(language_of(phrase) or Language.OTHER)
        reply = Reply(own or FILE.person.answer, hands_over=True)
        assert SHIPPED.reply(phrase) == reply, phrase


def test_who_wants_a_person_in_chinese_is_told_in_chinese() -> None:
    talk = load_small_talk()

    chinese, english = talk.reply("转人工"), talk.reply("speak to a human")

    assert chinese is not None
    assert english is not None
    assert (chinese.text[:2], chinese.hands_over) == ("好的", True)
    assert english.text.startswith("Of course")
    assert talk.is_talk(chinese.text)
    assert talk.is_talk(english.text)
