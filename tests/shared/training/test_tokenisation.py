from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from shared.models.tokenization import TextTokenizer
from shared.training.reading import Example
from shared.training.tokenisation import tokenise


def test_tokens_and_labels() -> None:
    words = Tokenizer(WordLevel({"[UNK]": 0, "a": 1, "b": 2}, unk_token="[UNK]"))
    words.pre_tokenizer = Whitespace()
    tokenizer = TextTokenizer(words, 3, token_types=False)
    examples = [Example("a b", "y"), Example("b b a a a", "x"), Example("c", "y")]
    arrays = tokenise(tokenizer, examples, ["x", "y"])
    assert arrays.tokens.tolist() == [1, 2, 2, 2, 1, 0]
    assert arrays.lengths.tolist() == [2, 3, 1]
    assert arrays.labels.tolist() == [1, 0, 1]
