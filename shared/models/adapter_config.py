"""What a PEFT adapter's configuration must say for the trunk to serve it (no torch here)."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.errors import ArtifactError
from shared.failures import reason_of

_REFUSED = {
    "use_dora": "DoRA rescales whole weight columns, which cannot differ from row to row",
    "lora_bias": "a bias in the adapter is not part of the batched product",
    "modules_to_save": "whole modules replaced per task cannot share one backbone",
    "trainable_token_indices": "changed token embeddings cannot share one backbone",
    "target_parameters": "only linear layers are adapted, not bare parameters",
    "layer_replication": "replicated layers are another backbone",
    "alora_invocation_tokens": "activated LoRA switches the adapter on within a text",
    "use_qalora": "QALoRA pools the inputs of the adapter",
    "use_bdlora": "block-diagonal LoRA has another product",
    "monteclora_config": "MonteCLoRA samples its weights",
    "kasa_config": "KaSA scales the singular values between the two products",
    "arrow_config": "a router over adapters is not one adapter",
    "fan_in_fan_out": "transposed layers are not linear modules",
    "rank_pattern": "one rank for all layers is expected",
    "alpha_pattern": "one alpha for all layers is expected",
}
_INITS_THAT_CHANGE_THE_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")


@dataclass(frozen=True, slots=True)
class AdapterConfig:
    """Rank and scaling of a LoRA adapter: the change of a weight is `scaling * B @ A`.

    `scaling` is alpha / rank, or alpha / sqrt(rank) where it is rank-stabilised.
    Source: https://arxiv.org/abs/2106.09685 (section 4.1), https://arxiv.org/abs/2312.03732.
    """

    rank: int
    scaling: float


def read_adapter_config(path: Path) -> AdapterConfig:
    """Reads PEFT's `adapter_config.json` of a bundle of method `lora`.

    Raises:
        ArtifactError: it is malformed, or asks for what is not plain or rank-stabilised LoRA.
    """
    try:
        values: dict[str, Any] = json.loads(path.read_bytes())
        rank, alpha = int(values["r"]), float(values["lora_alpha"])
        peft_type, bias = values["peft_type"], values.get("bias", "none")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ArtifactError(
            f"{path} is not an adapter configuration of PEFT: {reason_of(error)}"
        ) from None
    reasons = [f"{key}: {reason}" for key, reason in _REFUSED.items() if values.get(key)]
    if peft_type != "LORA":
        reasons.insert(0, f"peft_type {peft_type}: only LORA is served by method lora")
    if bias != "none":
        reasons.append(f"bias {bias}: the backbone's own biases must stay as they are")
    init = str(values.get("init_lora_weights", True)).lower()
    if init.startswith(_INITS_THAT_CHANGE_THE_BASE):
        reasons.append(
            f"init_lora_weights {init}: it changes the backbone's weights; convert the adapter "
            "with save_pretrained(..., path_initial_model_for_weight_conversion=...)"
        )
    if rank < 1 or not math.isfinite(alpha):
        reasons.append(f"r {rank}, lora_alpha {alpha}: expected a rank of at least 1")
    if reasons:
        raise ArtifactError(f"{path} cannot be served: {'; '.join(reasons)}")
    root = math.sqrt(rank) if values.get("use_rslora") else rank
    return AdapterConfig(rank=rank, scaling=alpha / root)


def read_virtual_tokens(path: Path) -> int:
    """Reads PEFT's `adapter_config.json` of a bundle of method `prompt`: how many tokens it adds.

    Raises:
        ArtifactError: it is malformed, or asks for what is not plain prompt tuning.
    """
    try:
        values: dict[str, Any] = json.loads(path.read_bytes())
        count, peft_type = int(values["num_virtual_tokens"]), values["peft_type"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ArtifactError(
            f"{path} is not a prompt configuration of PEFT: {reason_of(error)}"
        ) from None
    reasons = []
    if peft_type != "PROMPT_TUNING":
        reasons.append(f"peft_type {peft_type}: only PROMPT_TUNING is served by method prompt")
    if values.get("modules_to_save"):
        reasons.append(f"modules_to_save: {_REFUSED['modules_to_save']}")
    if values.get("num_transformer_submodules") not in (None, 1):
        reasons.append("num_transformer_submodules: an encoder has one")
    if count < 1:
        reasons.append(f"num_virtual_tokens {count}: expected at least 1")
    if reasons:
        raise ArtifactError(f"{path} cannot be served: {'; '.join(reasons)}")
    return count
