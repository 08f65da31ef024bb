"""The store: what changes over time (registered versions, audit). SQLite beside the artifacts, or any database by URL.

SQLite runs in WAL mode with foreign keys on; a change begins by taking the write lock, so two processes queue instead
of failing in the middle. Other databases are named by `KITAE_DATABASE_URL` (`postgresql://…`). Rooms declare their
tables on `Base`; the schema is made and brought up to date by the migrations in this package when a store is opened.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, MetaData, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, IntegrityError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session

from kitae.core.files import place_errors
from kitae.core.workspace import Workspace
from kitae.errors import DamagedArtifact, DiskFull, InputError, KitaeError, WorkspaceBusy

HEAD = "0002"
"""The newest migration. Kept here so that a store that is up to date opens without loading Alembic."""
MIGRATIONS = Path(__file__).parent / "migrations"
STORE_FILE = "store.db"
URL_VARIABLE = "KITAE_DATABASE_URL"
BUSY_SECONDS = 15.0
"""How long a change waits for another process to finish its own."""
WAIT_SECONDS = 0.01
ATTEMPTS = 20
"""How often a change is tried again when another one took its number first (databases with many writers)."""
T = TypeVar("T")


class Base(DeclarativeBase):
    """Every table of kitae is declared on this class; constraints get names that migrations can rely on."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Store:
    """An open database with the current schema. `read` and `change` are its two verbs."""

    def __init__(self, engine: Engine) -> None:
        """Take an engine whose schema is current; use `open_store`."""
        self.engine = engine
        self._writer = engine.execution_options(kitae_writes=True)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session on one consistent state, for reading."""
        with _clear_errors(self.engine.url), Session(self.engine) as session:
            yield session

    def change(self, work: Callable[[Session], T]) -> T:
        """Do `work` in one transaction, all of it or nothing, and return what it returns.

        `work` may be called again when another process took the same number first, so it must only touch the session.
        Raises `WorkspaceBusy`, `DiskFull`, or `InputError` when the database cannot be reached.
        """
        with _clear_errors(self.engine.url):
            for attempt in range(ATTEMPTS):
                try:
                    with Session(self._writer, expire_on_commit=False) as session, session.begin():
                        return work(session)
                except IntegrityError:
                    if attempt == ATTEMPTS - 1:
                        raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    def close(self) -> None:
        """Let go of the connections."""
        self.engine.dispose()


def store_url(out: Workspace) -> URL:
    """Where the store of a workspace is: `KITAE_DATABASE_URL`, else `store.db` in its folder. Raises `InputError`."""
    wanted = os.environ.get(URL_VARIABLE)
    if not wanted:
        return URL.create("sqlite", database=str(out.home / STORE_FILE))
    try:
        url = make_url(wanted)
    except ArgumentError as error:
        raise InputError(
            f"{URL_VARIABLE} is not a database URL", hint="For example postgresql://user:password@host:5432/kitae"
        ) from error
    return url.set(drivername="postgresql+psycopg") if url.drivername in {"postgres", "postgresql"} else url


def has_store(out: Workspace) -> bool:
    """Whether there is anything to read: always for a database by URL, for SQLite once its file exists."""
    url = store_url(out)
    return not _is_file(url) or Path(str(url.database)).exists()


@contextmanager
def open_store(out: Workspace) -> Iterator[Store]:
    """The workspace's store with the current schema; made when it is not there yet.

    Raises `InputError` when the database cannot be reached or is newer than this kitae, `DamagedArtifact` when its
    file is no database, `DiskFull`, `WorkspaceBusy`.
    """
    url = store_url(out)
    if _is_file(url):
        folder = Path(str(url.database)).parent
        with place_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
    store = Store(_engine(url))
    try:
        with _clear_errors(url):
            migrate(store.engine)
        yield store
    finally:
        store.close()


def migrate(engine: Engine) -> None:
    """Bring the schema to `HEAD` in one transaction, unless it is there. Raises `InputError` for a newer schema."""
    if _revision(engine) == HEAD:
        return
    try:
        _upgrade(engine)
    except DBAPIError:
        # Two processes may open a new database at once; the one that comes second finds the tables made.
        if _revision(engine) != HEAD:
            raise


def alembic_config(connection: Connection | None = None) -> Any:
    """Alembic's configuration for the migrations in this package, on a connection whose transaction is ours."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _upgrade(engine: Engine) -> None:
    from alembic import command
    from alembic.util import CommandError

    writer = engine.execution_options(kitae_writes=True)
    try:
        with writer.begin() as connection:
            command.upgrade(alembic_config(connection), HEAD)
    except CommandError as error:
        raise InputError(
            "this store was written by a newer kitae",
            got=str(error),
            hint="Upgrade kitae: pip install --upgrade kitae",
        ) from error


def _revision(engine: Engine) -> str | None:
    """The schema's revision, or None for an empty database."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return found


def _is_file(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and url.database not in {None, "", ":memory:"}


def _engine(url: URL) -> Engine:
    try:
        if url.get_backend_name() != "sqlite":
            return create_engine(url, pool_pre_ping=True)
        engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise InputError(
            f"the database of {URL_VARIABLE} needs a driver that is not installed",
            got=str(error),
            hint="For PostgreSQL: pip install 'kitae[postgres]'",
        ) from error
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver begins transactions late and ends them before DDL; we begin them ourselves instead (`_begin_sqlite`).
    connection.isolation_level = None
    _write_ahead(connection)
    for pragma in ("synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _write_ahead(connection: Any) -> None:
    """Switch to the write-ahead log. For this SQLite waits for nobody, so of two who open a new file one would fail."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "is locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(WAIT_SECONDS)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("kitae_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _clear_errors(url: URL) -> Iterator[None]:
    """Turn what the database says into what the user can do. The URL is shown without its password."""
    try:
        yield
    except (OperationalError, DatabaseError) as error:
        known = _known_trouble(error, url)
        if known is None:
            raise
        raise known from error


def _known_trouble(error: DatabaseError, url: URL) -> KitaeError | None:
    said = str(error.orig).strip()
    place = url.render_as_string(hide_password=True)
    sqlite = {
        "is locked": WorkspaceBusy(
            "another process is writing to the store", got=place, hint="Wait for it to end and run the command again"
        ),
        "disk is full": DiskFull(
            "no room left on the disk for the store", got=place, hint="Free some space and run the command again"
        ),
        "disk I/O error": DiskFull(
            "the disk would not take what must be written to the store",
            got=place,
            hint="Check free space, quota and file size limit, then run the command again",
        ),
        "not a database": DamagedArtifact(
            "the store is not a database", got=place, hint="Restore it from a backup, or move it away and run again"
        ),
        "malformed": DamagedArtifact(
            "the store is damaged", got=place, hint="Restore it from a backup, or move it away and run again"
        ),
        "readonly": InputError("the store may not be written", got=place, hint="Check who owns the file"),
        "unable to open": InputError("the store cannot be opened", got=place, hint="Check the folder's permissions"),
    }
    if url.get_backend_name() == "sqlite":
        return next((trouble for words, trouble in sqlite.items() if words in said), None)
    if isinstance(error, OperationalError):
        return InputError(
            "the database cannot be reached", got=f"{place}: {said}", hint=f"Check {URL_VARIABLE} and the server"
        )
    return None
