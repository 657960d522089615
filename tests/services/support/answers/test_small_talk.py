"""Small talk is answered in kind; one word more makes it a question."""

from pathlib import Path

import pytest

from services.support.answers.small_talk import DEFAULT_FILE, SmallTalk, load_small_talk
from shared.config import read_yaml
from shared.errors import ConfigError

SHIPPED = load_small_talk()
ANSWERS = {name: kind["answer"] for name, kind in read_yaml(DEFAULT_FILE)["kinds"].items()}


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
        *[(text, "thanks") for text in ("You’re the best!", "❤️", "谢谢！")],
        *[
            (text, "goodbye")
            for text in ("ok bye", "ok, thanks. bye!", "Tschüß", "have a nice day :)")
        ],
        *[(text, "how_are_you") for text in ("how are you?", "hi, how's it going")],
        *[(text, "acknowledged") for text in ("ok", "okay got it", "that's all", "No thanks!")],
        *[(text, "opening") for text in ("I need help", "hello, can you help me?")],
        ("are you a robot?", "about_me"),
    ],
)
def test_small_talk_is_answered_in_kind(message: str, kind: str) -> None:
    assert SHIPPED.reply(message) == ANSWERS[kind]


@pytest.mark.parametrize(
    "message",
    [
        *("hello, my card is lost", "thanks but it did not work", "hi i need help with my card"),
        *("great, how do I do that?", "bye bye card", "fine, what is my PIN", "thank you card"),
        *("yes", "no", "please", "you", "", "???", "...", "1", "hello 5", "hi " * 100),
        *("can I speak to a person", "what can you do about my card"),
    ],
)
def test_anything_more_is_no_small_talk(message: str) -> None:
    assert SHIPPED.reply(message) is None


def test_a_team_has_its_own_phrases(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(
        "kinds:\n  cheer: {answer: Hooray!, phrases: [go owls]}\nfillers: [my dear]\n", "utf-8"
    )

    own = load_small_talk(file)

    assert own.reply("Go, owls! My dear!") == "Hooray!"
    assert own.reply("my dear") is None
    assert own.reply("hello") is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("kinds: {a: {answer: x, phrases: []}}", "kinds.a.phrases"),
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


def test_the_phrases_of_the_shipped_file_answer_themselves() -> None:
    kinds = read_yaml(DEFAULT_FILE)["kinds"]

    assert len(kinds) > 5
    for kind in kinds.values():
        for phrase in kind["phrases"]:
            assert SHIPPED.reply(phrase) == kind["answer"], phrase
    assert isinstance(SHIPPED, SmallTalk)
