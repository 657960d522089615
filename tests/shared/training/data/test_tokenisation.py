from tokenizers import Tokenizer
from tokenizers.models import WordLevel, WordPiece
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from shared.models.tokenization import TextTokenizer
from shared.training.data.arrays import IGNORED
from shared.training.data.candidates import Candidates
from shared.training.tasks.classify.examples import Example
from shared.training.tasks.classify.learning import ClassLearning
from shared.training.tasks.embed.learning import EmbedLearning
from shared.training.tasks.score.learning import ScoreLearning
from shared.training.tasks.span.arrays import tokenise_questions
from shared.training.tasks.span.rows import Question
from shared.training.tasks.tag.arrays import tokenise_tagged
from shared.training.tasks.tag.examples import Entity, TaggedExample


def _words() -> Tokenizer:
    words = Tokenizer(WordLevel({"[UNK]": 0, "a": 1, "b": 2}, unk_token="[UNK]"))
    words.pre_tokenizer = Whitespace()
    return words


def test_tokens_and_labels() -> None:
    tokenizer = TextTokenizer(_words(), 3, token_types=False)
    examples = [Example("a b", "y"), Example("b b a a a", "x"), Example("c", "y")]
    arrays = ClassLearning().arrays(examples, tokenizer, ("x", "y"))
    assert arrays.tokens.tolist() == [1, 2, 2, 2, 1, 0]
    assert arrays.lengths.tolist() == [2, 3, 1]
    assert arrays.targets.tolist() == [1, 0, 1]


def test_pairs_have_token_types() -> None:
    words = _words()
    words.post_processor = TemplateProcessing("$A:0", "$A:0 $B:1", [])
    examples = [Example(("a", "b b"), "x"), Example("b", "y")]
    arrays = ClassLearning().arrays(examples, TextTokenizer(words, 9, token_types=True), ("x", "y"))
    assert arrays.tokens.tolist() == [1, 2, 2, 2]
    assert arrays.token_types is not None
    assert arrays.token_types.tolist() == [0, 1, 1, 0]
    untyped = TextTokenizer(words, 9, token_types=False)
    assert ClassLearning().arrays(examples, untyped, ("x", "y")).token_types is None


def pieces() -> Tokenizer:
    vocabulary = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "sun": 3, "##s": 4, "gold": 5, ",": 6}
    pieces = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    pieces.pre_tokenizer = Whitespace()
    pieces.post_processor = TemplateProcessing(
        "[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    return pieces


def paired_pieces() -> Tokenizer:
    """The same, with a separator between two texts."""
    tokenizer = pieces()
    tokenizer.post_processor = TemplateProcessing(
        "[CLS] $A [SEP]",
        "[CLS] $A [SEP] $B [SEP]",
        special_tokens=[("[CLS]", 1), ("[SEP]", 2)],
    )
    return tokenizer


def test_a_word_has_its_label_at_its_first_token() -> None:
    text = "suns gold, sun gold"
    entities = (Entity(0, 9, "x"), Entity(11, 14, "x"), Entity(15, 19, "x"))
    tokenizer = TextTokenizer(pieces(), 20, token_types=False)
    arrays = tokenise_tagged(tokenizer, [TaggedExample(text, entities)], ["x"])
    assert arrays.tokens.tolist() == [1, 3, 4, 5, 6, 3, 5, 2]
    skip, outside, begin, inside = IGNORED, 0, 1, 2
    assert arrays.targets.tolist() == [skip, begin, skip, inside, outside, begin, begin, skip]


def test_a_word_that_an_entity_cuts_is_of_that_entity() -> None:
    tokenizer = TextTokenizer(pieces(), 20, token_types=False)
    example = TaggedExample("gold suns", (Entity(5, 8, "x"),))
    assert tokenise_tagged(tokenizer, [example], ["x"]).targets.tolist() == [-100, 0, 1, -100, -100]


def test_a_long_text_is_a_row_for_each_window() -> None:
    tokenizer = TextTokenizer(pieces(), 8, token_types=False)
    example = TaggedExample("gold " * 7 + "sun gold", (Entity(35, 38, "x"),))
    arrays = tokenise_tagged(tokenizer, [example], ["x"])
    assert arrays.lengths.tolist() == [8, 7]
    assert arrays.targets.tolist() == [-100, *[0] * 6, -100, -100, 0, 0, 0, 1, 0, -100]


def test_a_question_has_its_answer_in_the_windows_that_hold_it_whole() -> None:
    tokenizer = TextTokenizer(paired_pieces(), 8, token_types=False)
    questions = [
        Question("sun", "gold suns", ("suns",), 5),
        Question("sun", "gold gold gold gold suns", ("suns",), 20),
        Question("sun", "gold"),
    ]
    arrays = tokenise_questions(tokenizer, questions)
    assert arrays.tokens[:7].tolist() == [1, 3, 2, 5, 3, 4, 2]
    # The second context's first window ends inside of the answer: "##s" is left to the next.
    assert arrays.targets.reshape(-1, 4).tolist() == [
        [4, 5, 3, 6],
        [0, 0, 3, 7],
        [5, 6, 3, 7],
        [0, 0, 3, 4],
    ]


def test_texts_and_candidates_are_rows_of_their_example() -> None:
    tokenizer = TextTokenizer(paired_pieces(), 9, token_types=False)
    examples = [Candidates("sun", ("gold",), ("suns",)), Candidates("gold", ("gold",), ("sun",))]
    texts = EmbedLearning().arrays(examples, tokenizer, ())
    assert (len(texts), texts.rows) == (2, 6)
    assert texts.targets.tolist() == [0, 1, 2, 1, 1, 0]
    scored = ScoreLearning().arrays(examples, tokenizer, ())
    assert (len(scored), scored.rows) == (2, 4)
    assert scored.targets.tolist() == [1, 0, 1, 0]
    assert scored.tokens[:5].tolist() == [1, 3, 2, 5, 2]
