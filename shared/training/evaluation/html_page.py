"""The shell of every report: one HTML page that refers to no other file and runs no script."""

import html
from collections.abc import Iterable, Sequence

_STYLE = """
:root { color-scheme: light }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: #1c2430; background: #fff }
h1 { margin-bottom: .2rem } h2 { margin-top: 2.2rem }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: right; padding: .25rem .6rem; border-bottom: 1px solid #d8dde5;
         vertical-align: top }
th:first-child, td:first-child, td.text, th.text { text-align: left }
small, .quiet { color: #5b6675 } .ours { font-weight: 600 } svg { width: 100%; height: auto }
svg image { image-rendering: pixelated } svg text { font-family: system-ui, sans-serif !important }
.holds { color: #2f7d5b; font-weight: 600 } .fails { color: #b3261e; font-weight: 600 }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(26rem, 1fr));
         gap: 1rem 2rem }
.plots figure { margin: 0 } .wide { grid-column: 1 / -1 }
figcaption { color: #5b6675; font-size: .9em }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .5rem 0 }
dt { color: #5b6675 } dd { margin: 0 } code { font-size: .9em; overflow-wrap: anywhere }
details { margin-top: .5rem } summary { cursor: pointer }
"""


def page(title: str, body: str) -> str:
    """A whole page; `body` is HTML already, `title` is text."""
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        f"<h1>{html.escape(title)}</h1>\n{body}\n</body>\n</html>\n"
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts; the first column is aligned to the left."""
    head = "".join(f"<th>{html.escape(each)}</th>" for each in heads)
    lines = "\n".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>\n{lines}\n</table>"
