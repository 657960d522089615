"""What one PDF or DOCX may cost, and the limits that the process which reads it sets itself."""

import os
import resource
import signal
import time
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
WALL_FACTOR = 5
"""How many times its seconds of a processor reading may take on the clock of a busy machine."""

_NICENESS = 5


def limit_this_process(processor_s: float, wall_s: float) -> None:
    """Bounds memory, time and written bytes; what goes on for longer is ended by the system.

    So it ends as well where the process that started it is killed. The signals are SIGPROF after
    `processor_s` from now (SIGXCPU where that is ignored), and SIGALRM a second after `wall_s`.
    """
    cpu_s = ceil(time.process_time() + processor_s) + 1
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_RESULT_BYTES, MAX_RESULT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.setitimer(signal.ITIMER_PROF, processor_s)
    signal.setitimer(signal.ITIMER_REAL, wall_s + 1)
    os.nice(_NICENESS)
