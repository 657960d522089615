"""Words replaced by what a masked language model expects in their place.

Notation of shapes: b texts of a batch, s tokens, v words of the vocabulary.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from shared.config import Settings
from shared.errors import ArtifactError
from shared.models.source import BackboneConfig
from shared.models.tasks import TaskKind
from shared.training.data.examples import AnyExample
from shared.training.remedies.augment.augmenting import AugmentedRows, WordShare, augmented
from shared.training.remedies.augment.edits import Edit, Edits, Passage, edited
from shared.training.remedies.augment.local_models import LanguageModel, read_model
from shared.training.remedies.augment.words import Word, cased, count_of, drawn, free_words
from shared.training.remedies.remedy import Changed, Scope

_BATCH = 32
_CONTINUED = "##"
_BEGINS = ("▁", "Ġ")


class MaskedWords(Settings):
    """Copies in which a share `words` of the words is hidden and guessed from the words around.

    `model` has a masked-word head: a folder or a Hugging Face name with its revision. The guess is
    drawn, by their probabilities, from the `top_k` likeliest whole words other than the word
    itself. It fits the text and need not mean the same: keep `words` small.

    Source: https://arxiv.org/abs/1805.06201, without the condition on the label.
    """

    remedy: Literal["masked_words"]
    model: BackboneConfig
    words: WordShare = 0.1
    top_k: Annotated[int, Field(ge=1, le=100)] = 5
    rows: AugmentedRows = AugmentedRows()

    scope: ClassVar[Scope] = Scope(kinds=frozenset(TaskKind))

    def change(self, examples: Sequence[AnyExample], seed: int) -> Changed:
        """See `OnRows`.

        Raises:
            ArtifactError: see `read_model`.
        """
        guesses = Guesses(read_model(self.model, "AutoModelForMaskedLM"), self.words, self.top_k)
        hint = "they need words outside of names, in a script with spaces"
        return augmented(examples, guesses, self.rows, seed, remedy=self.remedy, hint=hint)


class Guesses:
    """The editor: see `MaskedWords`."""

    def __init__(self, model: LanguageModel, share: float, top_k: int) -> None:
        if model.tokenizer.mask_token is None:
            raise ArtifactError(f"{model.name} has no token that hides a word: name another model")
        self._model = model
        self._mask: str = model.tokenizer.mask_token
        self._share = share
        self._top_k = top_k
        self._words = _whole_words(model)
        self._ids = torch.tensor(sorted(self._words))

    def __call__(
        self, passages: Sequence[Passage], generators: Sequence[np.random.Generator]
    ) -> list[Edits]:
        """See `Editor`."""
        hidden = [
            self._hidden(passage, generator)
            for passage, generator in zip(passages, generators, strict=True)
        ]
        texts = [
            edited(passage.text, [Edit(word.start, word.end, self._mask) for word in words])
            for passage, words in zip(passages, hidden, strict=True)
        ]
        places = [place for place, words in enumerate(hidden) if words]
        edits: list[Edits] = [[] for _ in passages]
        # Texts of about one length share a batch.
        places.sort(key=lambda place: len(texts[place]))
        for batch in (places[first : first + _BATCH] for first in range(0, len(places), _BATCH)):
            guessed = self._logits([texts[place] for place in batch])
            for place, logits in zip(batch, guessed, strict=True):
                # Words beyond what the model reads stay.
                edits[place] = [
                    Edit(word.start, word.end, self._guess(word, each, generators[place]))
                    for word, each in zip(hidden[place], logits, strict=False)
                ]
        return edits

    def _hidden(self, passage: Passage, generator: np.random.Generator) -> list[Word]:
        words = free_words(passage)
        if self._mask in passage.text:
            return []
        return drawn(words, count_of(len(words), self._share), generator)

    def _logits(self, texts: list[str]) -> Iterator[Tensor]:
        """For each text the logits of whole words in place of its hidden ones, [hidden, words]."""
        tokenizer, device = self._model.tokenizer, self._model.device
        most = self._model.most_tokens
        inputs = tokenizer(
            texts, padding=True, truncation=True, max_length=most, return_tensors="pt"
        ).to(device)
        with torch.inference_mode():
            logits = self._model.model(**inputs).logits.float().cpu()  # [b, s, v]
        places = inputs["input_ids"].cpu() == tokenizer.mask_token_id
        for row, is_hidden in zip(logits, places, strict=True):
            yield row[is_hidden][:, self._ids]

    def _guess(self, word: Word, logits: Tensor, generator: np.random.Generator) -> str:
        best = logits.topk(min(self._top_k + 2, len(logits)))
        found = [
            (self._words[int(self._ids[place])], float(value))
            for value, place in zip(best.values, best.indices, strict=True)
        ]
        others = [each for each in found if each[0].lower() != word.text.lower()][: self._top_k]
        if not others:
            return word.text
        weights = np.exp(np.array([value for _, value in others]) - others[0][1])
        place = int(generator.choice(len(others), p=weights / weights.sum()))
        return cased(others[place][0], word.text)


def _whole_words(model: LanguageModel) -> dict[int, str]:
    """The tokens of a vocabulary that are words by themselves, by their ids.

    Raises:
        ArtifactError: there are none.
    """
    tokenizer = model.tokenizer
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    is_begun = any(token.startswith(_BEGINS) for token in vocabulary)
    special = set(tokenizer.all_special_ids)
    found = {}
    for token, number in vocabulary.items():
        if number in special or token.startswith(_BEGINS) != is_begun:
            continue
        text = tokenizer.convert_tokens_to_string([token]).strip() if is_begun else token
        if text.isalpha() and not token.startswith(_CONTINUED):
            found[number] = text
    if not found:
        raise ArtifactError(f"{model.name} has no whole words among its tokens: name another model")
    return found
