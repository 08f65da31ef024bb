"""The audit trail finds every kind of tampering, on every database."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from kitae import registry
from kitae.core.artifacts import Version
from kitae.core.store import Base, open_store
from kitae.core.workspace import Workspace
from kitae.registry.audit import FIRST, actor, hash_of
from kitae.registry.tables import AuditRow

from .test_versions import database  # noqa: F401 - runs these tests on both databases too

Submit = Callable[..., Version]


def alter(workspace: Workspace, statement: str) -> None:
    with open_store(workspace) as store:
        store.change(lambda session: session.execute(text(statement)))


def test_the_migrated_schema_is_the_declared_one(workspace: Workspace) -> None:
    with open_store(workspace) as store, store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def three(submit: Submit) -> None:
    for weights in ("w1", "w2", "w3"):
        submit(weights)


def test_an_untouched_trail_is_sound(workspace: Workspace, submit: Submit) -> None:
    assert registry.verify_audit(workspace).head == FIRST
    three(submit)
    report = registry.verify_audit(workspace)
    assert (report.rows, report.problems) == (3, ())
    assert report.head != FIRST


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE audit SET actor = 'somebody else' WHERE seq = 2", "row 2 .* was changed"),
        ("UPDATE audit SET time = '2020-01-01T00:00:00+00:00' WHERE seq = 1", "row 1 .* was changed"),
        ("UPDATE audit SET hash = 'f' WHERE seq = 3", "row 3 .* was changed"),
        ("UPDATE audit SET previous = 'f' WHERE seq = 2", "row 2 .* does not follow"),
        ("DELETE FROM audit WHERE seq = 2", "row 2 is missing"),
        ("DELETE FROM audit WHERE seq = 1", "row 1 is missing"),
        ("DELETE FROM audit WHERE seq = 3", "version faq:3 has no row"),
        ("UPDATE versions SET status = 'promoted' WHERE number = 2", "version faq:2 is not what the trail says"),
        ("UPDATE versions SET adapter = 'f' WHERE number = 2", "version faq:2 is not what the trail says"),
        ("DELETE FROM versions WHERE number = 1", "version faq:1 is in the trail but not in the registry"),
    ],
)
def test_tampering_is_found(workspace: Workspace, submit: Submit, statement: str, words: str) -> None:
    three(submit)
    alter(workspace, statement)
    problems = registry.verify_audit(workspace).problems
    assert re.search(words, "\n".join(problems))


def test_changed_values_are_found(workspace: Workspace, submit: Submit) -> None:
    three(submit)
    alter(workspace, 'UPDATE audit SET "values" = \'{"status": "promoted"}\' WHERE seq = 1')
    assert "row 1" in registry.verify_audit(workspace).problems[0]


def test_a_row_recomputed_with_its_hash_still_breaks_the_chain(workspace: Workspace, submit: Submit) -> None:
    three(submit)

    def forge(session: Session) -> None:
        row = session.scalars(select(AuditRow).where(AuditRow.seq == 1)).one()
        row.actor = "somebody else"
        row.hash = hash_of(row)

    with open_store(workspace) as store:
        store.change(forge)
    assert "row 2" in registry.verify_audit(workspace).problems[0]


def test_who_did_it_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KITAE_ACTOR", "鈴木")
    assert actor() == "鈴木"
    monkeypatch.delenv("KITAE_ACTOR")
    assert actor()


SUBMITS = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from registry.conftest import LINEAGE, adapter_in, figures, recipe_with, verdict_in
from kitae import registry
from kitae.core.workspace import Workspace

out = Workspace(Path(sys.argv[1]))
for i in range(5):
    adapter, verdict = adapter_in(out, f"{sys.argv[3]}{i}"), verdict_in(out, figures())
    registry.submit(adapter, verdict, recipe=recipe_with(), lineage=LINEAGE, out=out)
"""


def test_several_workspaces_can_share_one_database(
    tmp_path: Path,
    workspace: Workspace,
    database: str,  # noqa: F811
) -> None:
    """As a team with a PostgreSQL does; with SQLite the workspaces share the file by its URL."""
    url = os.environ.get("KITAE_DATABASE_URL") or f"sqlite:///{tmp_path / 'shared.db'}"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SUBMITS, str(tmp_path / name), str(Path(__file__).parents[1]), name],
            env=os.environ | {"KITAE_DATABASE_URL": url},
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b")
    ]
    said = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KITAE_DATABASE_URL", url)
        assert sorted(card.number for card in registry.list_versions(workspace)) == list(range(1, 11))
        report = registry.verify_audit(workspace)
    assert (report.rows, report.problems) == (10, ())
