"""The process that reads one file; its arguments are the kind and the seconds that it may take, of
a processor and on the clock.

The file is its input, its output is one line with what became of it and what that is: `text` and
the JSON of the text, or `refused` and a sentence.
"""

import sys

from services.support.ingest.extraction.extracted import Extracted, FileKind, RefusedFileError
from services.support.ingest.extraction.limits import limit_this_process

TEXT = b"text "
REFUSED = b"refused "


def extract(kind: FileKind, content: bytes) -> Extracted:
    """The text of a file of this kind.

    Raises:
        RefusedFileError: it is something else, encrypted, broken, has no text or exceeds a limit.
    """
    if kind is FileKind.PDF:
        from services.support.ingest.extraction.pdf.document import extract_pdf

        return extract_pdf(content)
    from services.support.ingest.extraction.docx.document import extract_docx

    return extract_docx(content)


def main() -> None:
    """Reads the input and writes the output."""
    kind = FileKind(sys.argv[1])
    limit_this_process(processor_s=float(sys.argv[2]), wall_s=float(sys.argv[3]))
    content = sys.stdin.buffer.read()
    try:
        answer = TEXT + extract(kind, content).dump()
    except RefusedFileError as error:
        answer = REFUSED + str(error).encode()
    except MemoryError:
        answer = REFUSED + b"it takes more memory than is given to one file: split it"
    sys.stdout.buffer.write(answer)


if __name__ == "__main__":
    main()
