"""Reports from templates: HTML pages that refer to no other file and run no script, and cards."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    # Markdown escapes nothing but what would end a cell.
    autoescape=select_autoescape(("html.jinja",)),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def render(template: str, **values: object) -> str:
    """A template of this folder with these values; HTML escapes each, unless it is `safe`."""
    return _TEMPLATES.get_template(template).render(values)


def page(title: str, body: str) -> str:
    """A whole page; `body` is HTML already, `title` is text."""
    return render("page.html.jinja", title=title, body=body)
