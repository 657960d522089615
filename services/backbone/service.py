"""What the public routes of the backbone do: one method for each."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import numpy as np

from services.backbone.config import APP_NAME, BackboneSettings
from services.backbone.schemas import ClassifyRequest, EmbeddingsRequest, ModelCard, RerankRequest
from shared.errors import InputError, TextTooLongError
from shared.http.application import READY
from shared.models.backbones.prefixes import InputType
from shared.models.bundle import Bundle
from shared.models.tasks import (
    MAX_UNREAD,
    ClassifyOutput,
    EmbedOutput,
    Float32s,
    Priority,
    ScoreOutput,
    TaskCall,
    TaskKind,
)
from shared.serving.encoder import Encoder

Content = dict[str, object]
"""An answer as JSON; its arrays are NumPy's."""

OutputT = TypeVar("OutputT", EmbedOutput, ClassifyOutput, ScoreOutput)


class BackboneService:
    """The encoder behind its public routes."""

    def __init__(self, encoder: Encoder, settings: BackboneSettings) -> None:
        self._encoder = encoder
        self._settings = settings

    async def readiness(self) -> Mapping[str, str]:
        """Whether the model answers, and which tasks are not served as they should be.

        A task whose new champion cannot be loaded is ready, with a warning, while the old one
        serves: one bad promotion must not take the trunk away from every application.
        """
        faults = dict(self._encoder.faults)
        model = faults.pop("model", READY)
        served = faults.keys() <= self._encoder.champions.keys()
        tasks = "; ".join(f"{task}: {fault}" for task, fault in faults.items())
        warned = f"{READY}, but {tasks}" if served else tasks
        further = {
            f"backbone {each.language}": f"{READY}: {each.told}"
            for each in self._encoder.backbones[1:]
        }
        return {"model": model, "tasks": warned if tasks else READY, **further}

    def models(self) -> Content:
        """The backbones under their own names, and every task."""
        champions = self._encoder.champions
        named = {
            each.name: champions[each.embed_task]
            for each in self._encoder.backbones
            if each.embed_task in champions
        }
        cards = [self._card(name, bundle) for name, bundle in (named | dict(champions)).items()]
        return {"object": "list", "data": cards}

    async def model(self, name: str) -> Content:
        """The backbone, a task or a bundle by its name.

        Raises:
            NotFoundError: none has this name.
        """
        return self._card(name, await self._named(name))

    async def embed(self, request: EmbeddingsRequest) -> Content:
        """Vectors.

        Raises:
            InputError: `dimensions` is not the model's own number.
        """
        bundle = await self._bundle(request.model, TaskKind.EMBED)
        texts = _texts(request.input)
        call = TaskCall(bundle.id, texts, request.truncate, request.input_type)
        (output,) = await self._encode(EmbedOutput, [call], [_places(request.input)])
        if not request.allow_unreadable:
            self._check_read(bundle, output, _places(request.input))
        width = output.vectors.shape[1]
        if request.dimensions not in (None, width):
            raise InputError(
                f"{request.model} has {width} dimensions: ask for {width}, or leave `dimensions` "
                "out",
                param="dimensions",
            )
        vectors: Sequence[object] = list(output.vectors)
        if request.encoding_format == "base64":
            vectors = [_base64(vector) for vector in output.vectors]
        data = [
            {"object": "embedding", "index": index, "embedding": vector}
            for index, vector in enumerate(vectors)
        ]
        return {"object": "list", "model": request.model, "data": data} | _usage(output.tokens)

    async def rerank(self, request: RerankRequest) -> Content:
        """The documents' indices and relevances, best first."""
        bundle = await self._bundle(request.model, TaskKind.SCORE, TaskKind.EMBED)
        texts = [d if isinstance(d, str) else d.text for d in request.documents]
        documents = _Places("documents")
        if bundle.manifest.kind is TaskKind.SCORE:
            pairs = [(request.query, text) for text in texts]
            call = TaskCall(bundle.id, pairs, request.is_cut)
            (scored,) = await self._encode(ScoreOutput, [call], [documents])
            scores, tokens = scored.scores, scored.tokens
        else:
            asked = _Places("query", is_list=False)
            query, found = await self._encode(
                EmbedOutput,
                [
                    TaskCall(bundle.id, [request.query], request.is_cut, InputType.QUERY),
                    TaskCall(bundle.id, texts, request.is_cut, InputType.PASSAGE),
                ],
                [asked, documents],
            )
            if not request.allow_unreadable:
                self._check_read(bundle, query, asked)
                self._check_read(bundle, found, documents)
            scores = _relevances(query.vectors[0], found.vectors)
            tokens = query.tokens + found.tokens
        results: list[Content] = []
        for index in np.argsort(-scores, kind="stable")[: request.top_n].tolist():
            result: Content = {"index": index, "relevance_score": scores[index]}
            if request.return_documents:
                result["document"] = {"text": texts[index]}
            results.append(result)
        return {"model": request.model, "results": results} | _usage(tokens)

    async def classify(self, request: ClassifyRequest) -> Content:
        """The likeliest label and every label's probability."""
        bundle = await self._bundle(request.model, TaskKind.CLASSIFY)
        texts = _texts(request.input)
        call = TaskCall(bundle.id, texts, request.truncate)
        (output,) = await self._encode(ClassifyOutput, [call], [_places(request.input)])
        likeliest = output.probabilities.argmax(axis=1).tolist()
        data = [
            {
                "object": "classification",
                "index": index,
                "label": output.labels[likeliest[index]],
                "scores": dict(zip(output.labels, row, strict=True)),
            }
            for index, row in enumerate(output.probabilities)
        ]
        return {"object": "list", "model": request.model, "data": data} | _usage(output.tokens)

    def _card(self, name: str, bundle: Bundle) -> Content:
        manifest = bundle.manifest
        created = manifest.created_at
        states = {each.sha256: each for each in self._encoder.backbones}
        state = states.get(manifest.backbone.sha256)
        return ModelCard(
            id=name,
            object="model",
            created=int(datetime.fromisoformat(created).timestamp()) if created else 0,
            owned_by="banyan",
            kind=manifest.kind,
            bundle=bundle.id,
            backbone=manifest.backbone.name,
            backbone_sha256=manifest.backbone.sha256,
            language=None if state is None else state.language,
            memory_bytes=None if state is None else state.memory_bytes,
            labels=list(manifest.labels),
            max_length=manifest.max_length,
            prefixes=manifest.prefixes or None,
        ).model_dump(mode="json")

    def _check_read(self, bundle: Bundle, output: EmbedOutput, places: "_Places") -> None:
        """Refuses texts that a backbone cannot read.

        Raises:
            InputError: the message has the place of the first one, and the other backbones.
        """
        if output.unread is None or output.unread.max() < MAX_UNREAD:
            return
        index = int(np.argmax(output.unread >= MAX_UNREAD))
        backbone = bundle.manifest.backbone
        others = [
            f"{each.embed_task} ({each.language})"
            for each in self._encoder.backbones
            if each.sha256 != backbone.sha256
        ]
        elsewhere = f"ask {' or '.join(others)}" if others else "configure a backbone that does"
        raise InputError(
            f"{places.of(index)}: {backbone.name} cannot read {output.unread[index]:.0%} of its "
            f"words, and below {MAX_UNREAD:.0%} a text is embedded: {elsewhere}, or send "
            "allow_unreadable: true for a vector that says little",
            param=places.of(index),
        )

    async def _bundle(self, model: str, *kinds: TaskKind) -> Bundle:
        bundle = await self._named(model)
        if bundle.manifest.kind not in kinds:
            raise InputError(
                f"{model} is of kind {bundle.manifest.kind}, and this route needs "
                f"{' or '.join(kinds)}: GET /v1/models lists the kinds",
                param="model",
            )
        return bundle

    async def _named(self, model: str) -> Bundle:
        tasks = {each.name: each.embed_task for each in self._encoder.backbones}
        return await self._encoder.bundle(tasks.get(model, model))

    async def _encode(
        self, kind: type[OutputT], calls: Sequence[TaskCall], places: Sequence["_Places"]
    ) -> list[OutputT]:
        """The outputs of calls, whose texts stand in these places of the request."""
        many = sum(len(call.inputs) for call in calls) > self._settings.max_interactive_inputs
        try:
            outputs = await self._encoder.encode(
                calls,
                app=APP_NAME,
                priority=Priority.BULK if many else Priority.INTERACTIVE,
                timeout_s=self._settings.request_timeout_s,
            )
        except TextTooLongError as error:
            raise error.at(places[error.call].of(error.index)) from None
        except InputError as error:
            param = "input_type" if error.param == "input_type" else places[-1].whole
            raise InputError(str(error), param=param) from None
        found = [output for output in outputs if isinstance(output, kind)]
        if len(found) != len(calls):
            raise TypeError(f"{calls[0].task} gave {outputs[0]!r:.100}, not {kind.__name__}")
        return found


@dataclass(frozen=True, slots=True)
class _Places:
    """How a request names the texts of a call: one by itself, or those of a list."""

    whole: str
    is_list: bool = True

    def of(self, index: int) -> str:
        """The place of the text at this index of the call."""
        return f"{self.whole}.{index}" if self.is_list else self.whole


def _places(given: str | list[str]) -> _Places:
    return _Places("input", is_list=isinstance(given, list))


def _texts(given: str | list[str]) -> list[str]:
    return [given] if isinstance(given, str) else given


def _base64(vector: Float32s) -> str:
    return base64.b64encode(vector.astype("<f4", copy=False).tobytes()).decode()


def _relevances(query: Float32s, found: Float32s) -> Float32s:
    """The relevance to a vector [d] of each of those found [n, d]: (1 + cosine) / 2, shape [n]."""
    norms = np.linalg.norm(found, axis=1) * np.linalg.norm(query)
    cosines = found @ query / np.maximum(norms, 1e-12)
    relevances: Float32s = np.clip((1 + cosines) / 2, 0, 1).astype(np.float32)
    return relevances


def _usage(tokens: int) -> Content:
    return {"usage": {"prompt_tokens": tokens, "total_tokens": tokens}}
