"""The store: schema by migrations only, changes whole or not at all, clear errors."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.orm import Session

import kitae.registry.tables  # noqa: F401 - declares the tables that the schema is compared with
from kitae.core.store import HEAD, Base, alembic_config, has_store, open_store, store_url
from kitae.core.workspace import Workspace
from kitae.errors import DamagedArtifact, InputError, KitaeError, WorkspaceBusy


@pytest.fixture(autouse=True)
def _no_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KITAE_DATABASE_URL", raising=False)


def add(session: Session, seq: int) -> None:
    session.execute(
        text(
            'INSERT INTO audit (seq, time, actor, action, subject, "values", previous, hash) '
            "VALUES (:n, 't', 'a', 'x', 's', '{}', :p, 'h')"
        ),
        {"n": seq, "p": str(seq)},
    )


def count(workspace: Workspace) -> int:
    with open_store(workspace) as store, store.read() as session:
        return session.execute(text("SELECT count(*) FROM audit")).scalar_one()


def test_the_migrated_schema_is_the_declared_one(workspace: Workspace) -> None:
    with open_store(workspace) as store, store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
        assert context.get_current_revision() == HEAD


def test_there_is_one_line_of_migrations_and_its_head_is_known() -> None:
    scripts = ScriptDirectory.from_config(alembic_config())
    assert scripts.get_heads() == [HEAD]
    assert all(script.doc for script in scripts.walk_revisions())


def test_the_comparison_can_fail(workspace: Workspace) -> None:
    with open_store(workspace) as store:
        store.change(lambda session: session.execute(text("ALTER TABLE audit ADD COLUMN extra TEXT")))
        with store.engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), Base.metadata) != []


def test_an_open_store_is_in_wal_with_foreign_keys_and_a_busy_timeout(workspace: Workspace) -> None:
    with open_store(workspace) as store, store.engine.connect() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {p}").scalar() for p in ("journal_mode", "foreign_keys", "busy_timeout")
        ]
    assert pragmas == ["wal", 1, 15_000]


def test_reading_a_workspace_without_a_store_makes_none(workspace: Workspace) -> None:
    assert not has_store(workspace)
    assert not workspace.home.exists()
    with open_store(workspace):
        pass
    assert has_store(workspace)


def test_a_change_is_whole_or_not_at_all(workspace: Workspace) -> None:
    def fails(session: Session) -> None:
        add(session, 1)
        raise RuntimeError("on purpose")

    with open_store(workspace) as store:
        with pytest.raises(RuntimeError, match="on purpose"):
            store.change(fails)
        store.change(lambda session: add(session, 2))
    assert count(workspace) == 1


def test_a_change_whose_number_was_taken_is_tried_again(workspace: Workspace) -> None:
    numbers = iter([1, 1, 2])
    with open_store(workspace) as store:
        store.change(lambda session: add(session, next(numbers)))
        store.change(lambda session: add(session, next(numbers)))
    assert count(workspace) == 2


WRITER = """
import sys
from pathlib import Path
from sqlalchemy import text
from kitae.core.store import open_store
from kitae.core.workspace import Workspace

def work(session):
    n = session.execute(text("SELECT coalesce(max(seq), 0) FROM audit")).scalar_one() + 1
    session.execute(text("INSERT INTO audit (seq, time, actor, action, subject, \\"values\\", previous, hash) "
                         "VALUES (:n, 't', 'a', 'x', 's', '{}', :p, 'h')"), {"n": n, "p": str(n)})

for _ in range(20):
    with open_store(Workspace(Path(sys.argv[1]))) as store:
        store.change(work)
"""


def test_processes_that_open_and_write_at_once_lose_nothing(workspace: Workspace) -> None:
    """They also race for making the schema."""
    command = [sys.executable, "-W", "error", "-c", WRITER, str(workspace.home)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], said
    assert count(workspace) == 60


def test_a_store_from_a_newer_kitae_is_left_alone(workspace: Workspace) -> None:
    with open_store(workspace) as store:
        store.change(lambda session: session.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(InputError, match="newer kitae"), open_store(workspace):
        pass


def test_a_file_that_is_no_database_is_named_and_left_as_it_is(workspace: Workspace) -> None:
    content = b"this is no database, but it is long enough to be one" * 100
    workspace.home.mkdir(parents=True)
    (workspace.home / "store.db").write_bytes(content)
    with pytest.raises(DamagedArtifact, match="backup"), open_store(workspace):
        pass
    assert (workspace.home / "store.db").read_bytes() == content


def test_a_store_that_somebody_keeps_locked(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kitae.core.store.BUSY_SECONDS", 0.1)
    with open_store(workspace) as store:
        other = sqlite3.connect(workspace.home / "store.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(WorkspaceBusy):
            store.change(lambda session: add(session, 1))
        other.execute("ROLLBACK")
        other.close()
        store.change(lambda session: add(session, 1))


@pytest.mark.parametrize(
    ("url", "wanted"),
    [("no url at all", "not a database URL"), ("oracular://host/db", "driver that is not installed")],
)
def test_a_wrong_url_says_what_to_do(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, url: str, wanted: str
) -> None:
    monkeypatch.setenv("KITAE_DATABASE_URL", url)
    with pytest.raises(InputError, match=wanted), open_store(workspace):
        pass


def test_a_store_below_a_file_or_that_is_a_folder(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="KITAE_HOME"), open_store(Workspace(tmp_path / "file" / "home")):
        pass
    (workspace.home / "store.db").mkdir(parents=True)
    with pytest.raises(InputError, match="cannot be opened"), open_store(workspace):
        pass


def test_a_server_that_does_not_answer_is_named_without_its_password(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("psycopg")
    monkeypatch.setenv("KITAE_DATABASE_URL", "postgresql://kitae:hunter2@127.0.0.1:1/kitae")
    with pytest.raises(KitaeError, match="KITAE_DATABASE_URL") as raised, open_store(workspace):
        pass
    assert "hunter2" not in str(raised.value)


def test_the_url_decides_over_the_workspace(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    assert store_url(workspace).database == str(workspace.home / "store.db")
    monkeypatch.setenv("KITAE_DATABASE_URL", "postgres://u:p@h/d")
    assert store_url(workspace).drivername == "postgresql+psycopg"


def test_the_migrations_are_in_the_package() -> None:
    import kitae.core.store as module

    folder = Path(module.__file__).parent / "migrations"
    assert (folder / "env.py").is_file()
    assert list((folder / "versions").glob("0001_*.py"))


OPENS = """
import os, sys
from multiprocessing import get_context
from pathlib import Path
from kitae.core.store import open_store
from kitae.core.workspace import Workspace

def go(barrier, home):
    for number in range(25):
        os.environ["KITAE_DATABASE_URL"] = f"sqlite:///{home}/{number}.db"
        barrier.wait(60)
        try:
            with open_store(Workspace(Path(home))):
                pass
        except Exception as error:
            barrier.abort()
            sys.exit(repr(error))

fork = get_context("fork")
barrier = fork.Barrier(3)
processes = [fork.Process(target=go, args=(barrier, sys.argv[1])) for _ in range(3)]
for process in processes:
    process.start()
for process in processes:
    process.join()
sys.exit(max(process.exitcode for process in processes))
"""


def test_several_may_open_a_new_store_at_the_same_moment(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", OPENS, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
