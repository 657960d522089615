"""How a database stands to the migrations of the service that owns it, without changing it."""

from contextlib import closing
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import make_url, text

from shared.storage.database import Database


def database_state(url: str, *, schema: str, folder: Path) -> tuple[bool, str]:
    """Whether the database needs no care, and its state in words.

    Raises:
        DependencyError: it does not answer.
    """
    head = _head(folder)
    file = make_url(url)
    if file.get_backend_name() == "sqlite" and not Path(str(file.database)).exists():
        return True, f"{file.database} is made at the first start"
    with closing(Database(url, schema=schema)) as database, database.read() as connection:
        if not connection.dialect.has_table(connection, "alembic_version"):
            return True, "reachable, empty: `banyan up` makes the tables"
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if found == head:
        return True, f"at revision {found}, the newest"
    return False, f"at revision {found}, the newest is {head}: `banyan up` migrates it"


def _head(folder: Path) -> str | None:
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return ScriptDirectory.from_config(config).get_current_head()
