"""The errors of the platform, by what the caller does about them.

    PlatformError
    ├── ConfigError             a setting is wrong: correct it and start again
    ├── InputError              a request is wrong: correct it and send it again
    │   ├── TextTooLongError    a text is longer than the backbone reads
    │   ├── NotFoundError       what the request names does not exist
    │   └── ConflictError       what the request wants contradicts what is there
    ├── AuthenticationError     no key, or one that is not known
    ├── ForbiddenError          the key's role does not allow this
    ├── ArtifactError           a file is missing, corrupt or made for something else
    ├── OverloadedError         too much waits already: come back after `retry_after_s`
    ├── DeadlineError           the answer would come too late
    └── DependencyError         something outside (a database, the trunk, a broker) does not answer

A message names the value, the limit and the remedy. Keyword attributes survive pickling, because
errors travel between replicas.
"""


class PlatformError(Exception):
    """Base of every error that the platform raises on purpose."""


class ConfigError(PlatformError):
    """A configuration cannot be used; the message lists every fault with its key."""


class InputError(PlatformError):
    """A request cannot be served as it is; `param` names the offending field where there is one."""

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class TextTooLongError(InputError):
    """A text is longer than is read: the one at `index` of a call, for the `reason`.

    `call` is the place of that call among those that were sent together.
    """

    def __init__(self, reason: str, *, index: int = 0, call: int = 0) -> None:
        super().__init__(reason, param="input")
        self.reason = reason
        self.index = index
        self.call = call

    def __str__(self) -> str:
        return f"input {self.index} has {self.reason}"

    def at(self, place: str) -> InputError:
        """The same, with the text named as the caller of a route knows it, such as `input.1`."""
        return InputError(f"{place}: {self.reason}", param=place)


class NotFoundError(InputError):
    """What the request names does not exist for this tenant."""


class ConflictError(InputError):
    """The request contradicts the present state."""


class AuthenticationError(PlatformError):
    """The request carries no key, or one that is not known."""


class ForbiddenError(PlatformError):
    """The key is known but its role does not allow the request."""


class ArtifactError(PlatformError):
    """A bundle, index or backbone is missing, corrupt, or made for another backbone."""


class OverloadedError(PlatformError):
    """The queue is full; try again after `retry_after_s` seconds."""

    def __init__(self, message: str, *, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DeadlineError(PlatformError):
    """The request's deadline passed before its answer was ready."""


class DependencyError(PlatformError):
    """A database, broker, webhook or the trunk does not answer."""
