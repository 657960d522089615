"""What no message to a user may hold: pieces of the code, of pydantic, of the server."""

import re

FORBIDDEN = re.compile(
    r"""
    \^\[ | \[\^ | \}\$ | \(\?                       # regular expressions
    | constrained | function- | tagged- | list\[ | dict\[ | union\[ | nullable | \bliteral\[
    | [Vv]alue\ error | Input\ should | Field\ required | validation\ error | pydantic
    | For\ further\ information | instance\ of
    | \bNoneType\b | \bstr\b | \bdict\b | \bbool\b    # Python's types
    | Traceback | \[Errno | \b[A-Z][A-Za-z]+(?:Error|Exception|Warning)\b
    | /work | /tmp | /home | /usr | \.py\b            # the server's files
    """,
    re.VERBOSE,
)


def is_plain(message: str) -> bool:
    """Whether a message is made of plain words."""
    return FORBIDDEN.search(message) is None and "\n" not in message
