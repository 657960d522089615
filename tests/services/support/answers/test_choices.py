"""A page that the chat offered is chosen: the former question is asked of it."""

from pathlib import Path

import pytest
import yaml

from services.support.answers import chat
from services.support.answers.answer import Answer, AnswerKind, Suggestion
from services.support.answers.chat_schemas import MAX_MESSAGE_CHARS, ChatRequest
from services.support.answers.wording import DEFAULT_FILE, load_wording

PAGES = (
    Suggestion("fees", "Fees", "It costs two euros: that is little.", 0.9),
    Suggestion("cash", "Cash: abroad", "Use any machine.", 0.8),
    Suggestion("none", "", "Owls eat voles.", 0.7),
)
WORDING = load_wording()
QUESTION = "what does it cost"


def offer(kind: AnswerKind = "suggestions", pages: tuple[Suggestion, ...] = PAGES) -> str:
    return WORDING.content(Answer(kind, suggestions=pages))


def turn(*texts: str) -> tuple[str, ...]:
    """The user's messages that are read of a conversation, the user's first."""
    roles = ("user", "assistant")
    messages = [{"role": roles[n % 2], "content": text} for n, text in enumerate(texts)]
    request = ChatRequest.model_validate({"model": "support", "messages": messages})
    return chat.turn_of(request.messages, WORDING).messages


@pytest.mark.parametrize("kind", ["suggestions", "clarify", "handoff"])
@pytest.mark.parametrize(
    ("message", "page"),
    [
        ("1", "Fees"),
        ("1.", "Fees"),
        ("the first one", "Fees"),
        ("The 1st, please!", "Fees"),
        ("I mean the first one, thanks", "Fees"),
        ("fees", "Fees"),
        ("Fees.", "Fees"),
        ("2)", "Cash"),
        ("the second", "Cash"),
        ("Cash: abroad", "Cash: abroad"),
        ("number 3", "Owls eat voles."),
    ],
)
def test_a_choice_is_the_former_question_with_the_title(
    kind: AnswerKind, message: str, page: str
) -> None:
    assert turn(QUESTION, offer(kind), message) == (f"{page}: {QUESTION}",)


@pytest.mark.parametrize(
    "message",
    ["4", "the fourth", "the first of May", "1 or 2", "yes", "the one", "what are fees", "12", "?"],
)
def test_other_messages_are_what_they_say(message: str) -> None:
    assert turn(QUESTION, offer(), message) == (QUESTION, message)


@pytest.mark.parametrize(
    "said",
    [
        "Two steps:\n1. Open it.\n2. Close it.",
        "It costs two euros. [1]",
        f"{WORDING.suggestions}\n\n2. Fees: It costs two euros.",
        f"{WORDING.suggestions} Perhaps.\n\n1. Fees: It costs two euros.",
        offer() + " " * MAX_MESSAGE_CHARS,
    ],
)
def test_only_a_list_that_the_chat_wrote_offers_pages(said: str) -> None:
    assert turn(QUESTION, said, "1") == (QUESTION, "1")


@pytest.mark.parametrize(
    ("message", "page"),
    [
        ("第一个", "Fees"),
        ("第二个，谢谢", "Cash"),
        ("我想看第三条", "Owls eat voles."),
        ("2", "Cash"),
    ],
)
def test_a_page_that_was_offered_in_chinese_is_chosen_in_chinese(message: str, page: str) -> None:
    question = "取现要多少手续费"
    offered = WORDING.of(question).content(Answer("suggestions", suggestions=PAGES))

    assert turn(question, offered, message) == (f"{page}: {question}",)
    assert turn(question, offered, "第一个要多少钱") == (question, "第一个要多少钱")


def test_a_question_after_a_choice_is_read_with_it_and_choices_add_up() -> None:
    first = offer(pages=PAGES[1:])

    assert turn(QUESTION, offer(), "1", "It costs two euros. [1]", "and abroad?") == (
        f"Fees: {QUESTION}",
        "and abroad?",
    )
    assert turn(QUESTION, offer(), "1", first, "1") == (f"Cash: Fees: {QUESTION}",)


def test_without_a_question_before_it_the_title_is_asked_for() -> None:
    messages = [{"role": "assistant", "content": offer()}, {"role": "user", "content": "2"}]
    request = ChatRequest.model_validate({"model": "support", "messages": messages})

    assert chat.turn_of(request.messages, WORDING).messages == ("Cash",)


def test_an_answer_in_parts_is_not_read_nor_one_before_another_answer() -> None:
    def asked(*said: dict[str, object]) -> tuple[str, ...]:
        question = {"role": "user", "content": QUESTION}
        messages = [question, *said, {"role": "user", "content": "1"}]
        request = ChatRequest.model_validate({"model": "support", "messages": messages})
        return chat.turn_of(request.messages, WORDING).messages

    offered: dict[str, object] = {"role": "assistant", "content": offer()}
    assert asked({"role": "assistant", "content": [{"image": 1}]}) == (QUESTION, "1")
    assert asked({"role": "assistant"}) == (QUESTION, "1")
    assert asked(offered, {"role": "tool", "content": "done"}) == (QUESTION, "1")
    assert asked(offered) == (f"Fees: {QUESTION}",)


def test_what_was_said_before_is_told_without_what_says_that_nothing_was_found() -> None:
    texts = ("hello", "Hi!", QUESTION, offer(), "and abroad?", WORDING.handoff, "fees?")
    roles = ("user", "assistant")
    messages: list[dict[str, object]] = [
        {"role": roles[n % 2], "content": text} for n, text in enumerate(texts)
    ]
    others: list[dict[str, object]] = [
        {"role": "system", "content": "be brief"},
        {"role": "assistant", "content": "\u0000"},
        {"role": "assistant", "content": "a" * (MAX_MESSAGE_CHARS + 1)},
        {"role": "user", "content": [{"type": "text", "text": "parts"}]},
    ]

    def before(said: list[dict[str, object]]) -> tuple[str, ...]:
        request = ChatRequest.model_validate({"model": "support", "messages": said})
        return chat.turn_of(request.messages, WORDING).before

    assert before([*others, *messages]) == ("and abroad?", QUESTION, "Hi!", "hello")
    assert before(messages[-1:]) == ()
    long: dict[str, object] = {"role": "user", "content": "a" * 3_000}
    assert len(before([long, *[messages[0]] * 30, messages[-1]])) == 19
    assert len("".join(before([long] * 4))) == 4_000


def test_a_team_has_its_own_words_for_choosing(tmp_path: Path) -> None:
    texts = yaml.safe_load(DEFAULT_FILE.read_text("utf-8"))
    path = tmp_path / "wording.yaml"
    path.write_text(yaml.safe_dump({**texts, "choices": {"options": [["erste"]]}}), "utf-8")
    wording = load_wording(path)
    messages = [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": wording.content(Answer("suggestions", suggestions=PAGES))},
        {"role": "user", "content": "Erste!"},
    ]
    request = ChatRequest.model_validate({"model": "support", "messages": messages})

    assert chat.turn_of(request.messages, wording).messages == (f"Fees: {QUESTION}",)
    path.write_text(yaml.safe_dump({k: v for k, v in texts.items() if k != "choices"}), "utf-8")
    assert load_wording(path).choices.options == []
