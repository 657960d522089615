"""Whatever ends a command or a step, as one sentence for the person who reads it."""

import os
import re
from errno import ENOSPC

from pydantic import ValidationError

from shared.errors import PlatformError
from shared.validation.faults import faults_of, joined

TRACEBACK_VARIABLE = "BANYAN_TRACEBACK"

_CLASS_NAMES = re.compile(r"\b(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Warning)\b:?\s*")
_ERROR_NUMBER = re.compile(r"\[Errno -?\d+\] ")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z]*|[a-z]+")


def reason_of(error: BaseException) -> str:
    """What went wrong, without the names of classes and without a traceback.

    A `PlatformError` says it itself. Of another error the first line is taken; one without text is
    named by its kind: `no brokers available`.
    """
    match error:
        case PlatformError():
            return str(error)
        case ValidationError():
            return joined(faults_of(error))
        case OSError() if error.strerror:
            return _of_system(error)
        case UnicodeDecodeError():
            return f"byte {error.start} is not UTF-8"
        case KeyError():
            return f"{error} is missing"
        case ModuleNotFoundError() if error.name:
            return f"the package {error.name.partition('.')[0]} is not installed"
    text = _CLASS_NAMES.sub("", str(error)).strip()
    return text.partition("\n")[0] or _kind_in_words(error)


def ending_of(error: Exception) -> str:
    """The last sentence of a command that `error` ended.

    One that is nobody's mistake says how to see where it comes from.
    """
    is_of_safetensors = type(error).__module__.startswith("safetensors")
    if isinstance(error, PlatformError | OSError) or is_of_safetensors:
        return reason_of(error)
    return (
        f"this is a fault of Banyan's own: {reason_of(error)}; to see where, set "
        f"{TRACEBACK_VARIABLE}=1 and run it again"
    )


def shows_tracebacks() -> bool:
    """Whether who runs the command wants to see where an error comes from."""
    return bool(os.environ.get(TRACEBACK_VARIABLE))


def _of_system(error: OSError) -> str:
    said = (error.strerror or "").lower()
    more = ": free some, then run it again" if error.errno == ENOSPC else ""
    return f"{error.filename}: {said}{more}" if error.filename else f"{said}{more}"


def _kind_in_words(error: BaseException) -> str:
    name = type(error).__name__
    return " ".join(_WORDS.findall(name.removesuffix("Error") or name)).lower() or "unknown"
