"""Reports from templates: HTML pages that refer to no other file and run no script, and cards."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape


def render(template: Path, **values: object) -> str:
    """A template with these values; HTML escapes each, unless it is `safe`.

    It may extend another one of the same folder, or of this package.
    """
    environment = Environment(
        loader=FileSystemLoader([template.parent, Path(__file__).parent]),
        # Markdown escapes nothing but what would end a cell.
        autoescape=select_autoescape(("html.jinja",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template.name).render(values)
