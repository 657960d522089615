"""What one PDF or DOCX may cost, and the limits that the process which reads it sets itself."""

import os
import resource
import signal
from math import ceil

MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_PAGES = 1_000
MAX_GLYPHS = 1_000_000
"""Characters of a PDF with what is not kept of them: spaces, running headers, page numbers."""

MAX_ENTRIES = 5_000
MAX_XML_BYTES = 48 * 1024 * 1024
"""The texts of a DOCX unpacked, all together."""
MAX_RATIO = 200
"""How many times smaller an entry of a DOCX may be packed; those of Word are 10 to 30 times."""
RATIO_FROM_BYTES = 1024 * 1024
MAX_XML_DEPTH = 100
MAX_XML_ELEMENTS = 1_000_000

MAX_MEMORY_BYTES = 1536 * 1024 * 1024
MAX_RESULT_BYTES = 16 * 1024 * 1024
_NICENESS = 5


def limit_this_process(seconds: float) -> None:
    """Bounds memory, time and written bytes; what goes on for longer is ended by the system.

    So it ends as well where the process that started it is killed.
    """
    cpu_s = ceil(seconds) + 1
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_RESULT_BYTES, MAX_RESULT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.setitimer(signal.ITIMER_REAL, seconds + 1)
    os.nice(_NICENESS)
