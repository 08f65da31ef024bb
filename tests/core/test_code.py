"""The digest of code sees every source file of a package and nothing else."""

import sys
from pathlib import Path

import pytest

from kitae.core.code import code_digest


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "sample_package"
    (folder / "inner").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "inner" / "rule.py").write_text("LIMIT = 1\n")
    (folder / "inner" / "words.toml").write_text("words = []\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sample_package", raising=False)
    return folder


def digest() -> str:
    code_digest.cache_clear()
    return code_digest(("sample_package",), ("numpy", "no-such-library"))


def test_any_source_file_makes_another_digest(package: Path) -> None:
    digests = [digest()]
    for name, text in (("rule.py", "LIMIT = 2\n"), ("words.toml", "words = ['a']\n"), ("more.py", "")):
        (package / "inner" / name).write_text(text)
        digests.append(digest())
    (package / "inner" / "more.py").rename(package / "more.py")
    digests.append(digest())
    assert len(set(digests)) == len(digests)


def test_what_is_no_source_does_not_count(package: Path) -> None:
    before = digest()
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "rule.pyc").write_bytes(b"\0")
    (package / "demo.jsonl").write_text("{}")
    assert digest() == before


def test_versions_of_libraries_count(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest()
    monkeypatch.setattr("kitae.core.code.version", lambda _name: "99.0")
    assert digest() != before
