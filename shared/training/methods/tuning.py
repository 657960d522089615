"""The methods of fine-tuning: what of an encoder is trained, and how that is kept and written.

Each wraps an encoder, gives its hidden states, and says which tensors are its own. `save` writes
them into a bundle's folder, told the name and the folder of the backbone that they began with.
"""

from shared.errors import ConfigError
from shared.models.backbone import Backbone
from shared.models.bundle import Method
from shared.training.methods.adapted import Adapted
from shared.training.methods.full import Full
from shared.training.methods.head import Frozen
from shared.training.methods.lora import begin_with, with_lora
from shared.training.methods.prompt import with_prompt
from shared.training.settings import FinetuneSettings

Tuned = Adapted | Full | Frozen
"""One method at work on an encoder, which it changes in place."""


def tune(backbone: Backbone, settings: FinetuneSettings, max_length: int) -> Tuned:
    """The configured method on a backbone's encoder.

    Raises:
        ConfigError: the method, or the adapter that it begins with, does not fit the backbone.
    """
    check_method(backbone, settings, max_length)
    encoder = backbone.encoder
    if settings.method is Method.LORA:
        adapted = with_lora(encoder, settings.lora)
        if settings.lora.start is not None:
            begin_with(adapted, settings.lora.start, backbone, settings.lora)
        return adapted
    if settings.method is Method.PROMPT:
        return with_prompt(encoder, settings.prompt.virtual_tokens)
    return Full(encoder) if settings.method is Method.FULL else Frozen(encoder)


def check_method(backbone: Backbone, settings: FinetuneSettings, max_length: int) -> None:
    """Checks what can be told of a method on a backbone before anything is trained.

    Raises:
        ConfigError: virtual tokens and a text of `max_length` exceed the encoder's positions.
    """
    tokens, positions = settings.prompt.virtual_tokens, backbone.positions
    if settings.method is not Method.PROMPT or positions is None:
        return
    if tokens + max_length > positions:
        raise ConfigError(
            f"prompt.virtual_tokens: {tokens} and texts of {max_length} tokens exceed the "
            f"backbone's {positions} positions: set max_length={positions - tokens}"
        )
