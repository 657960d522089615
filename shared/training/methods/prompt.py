"""Prompt tuning: virtual tokens before every text. Source: https://arxiv.org/abs/2104.08691."""

from peft import PromptTuningConfig, PromptTuningInit
from torch import nn

from shared.training.methods.adapted import Adapted


def with_prompt(encoder: nn.Module, virtual_tokens: int) -> Adapted:
    """An encoder with virtual tokens, in place, which begin as words."""
    config = PromptTuningConfig(
        task_type="FEATURE_EXTRACTION",
        num_virtual_tokens=virtual_tokens,
        # Random vectors would be many times as long as those of words.
        prompt_tuning_init=PromptTuningInit.SAMPLE_VOCAB,
    )
    return Adapted(encoder, config, virtual_tokens)
