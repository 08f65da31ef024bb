"""A file name means finished: whole, or not there."""

import errno
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kitae.core.files import (
    disk_errors,
    file_digest,
    folder_digests,
    place_errors,
    read_json,
    read_jsonl,
    write_bytes,
    write_json,
    write_jsonl,
    write_text,
)
from kitae.core.settings import canonical_json, digest_of
from kitae.errors import DiskFull, InputError, KitaeError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
UTF8 = st.text(st.characters(exclude_categories=["Cs"]))


def test_what_is_written_is_read_back_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    write_json(tmp_path / "deep" / "a.json", {"質問": ["答え", 1, None]})
    assert read_json(tmp_path / "deep" / "a.json") == {"質問": ["答え", 1, None]}
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["a.json"]


def test_equal_values_give_equal_bytes(tmp_path: Path) -> None:
    write_json(tmp_path / "a", {"x": 1, "y": 2})
    write_json(tmp_path / "b", {"y": 2, "x": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@given(rows=st.lists(st.dictionaries(UTF8, UTF8, max_size=3), max_size=5))
def test_jsonl_keeps_any_text_on_one_line_a_row(tmp_path_factory: pytest.TempPathFactory, rows: list[dict]) -> None:
    path = tmp_path_factory.mktemp("jsonl") / "rows.jsonl"
    assert write_jsonl(path, rows) == len(rows)
    assert list(read_jsonl(path)) == rows
    assert path.read_bytes().count(b"\n") == len(rows)


@pytest.mark.parametrize("figure", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_json_is_never_written(tmp_path: Path, figure: float) -> None:
    for write in (write_json, lambda path, value: write_jsonl(path, [value])):
        with pytest.raises(KitaeError, match="fault of kitae") as raised:
            write(tmp_path / "a", {"loss": [figure]})
        assert raised.value.exit_code == 1
        assert not (tmp_path / "a").exists()


def test_an_old_file_stays_whole_when_the_new_one_fails(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write_jsonl(path, [{"a": 1}])

    def rows():
        yield {"a": 2}
        raise RuntimeError("the maker failed")

    with pytest.raises(RuntimeError, match="the maker failed"):
        write_jsonl(path, rows())
    assert list(read_jsonl(path)) == [{"a": 1}]


@given(value=JSON)
def test_the_digest_of_a_value_does_not_depend_on_key_order(value: object) -> None:
    def turned(v: object) -> object:
        if isinstance(v, dict):
            return {k: turned(v[k]) for k in reversed(list(v))}
        return [turned(x) for x in v] if isinstance(v, list) else v

    assert canonical_json(turned(value)) == canonical_json(value)


def test_different_values_have_different_digests() -> None:
    assert digest_of({"a": 1}) != digest_of({"a": 2}) != digest_of({"a": "2"})


def test_the_digest_of_a_file_is_sha256_whatever_its_size(tmp_path: Path) -> None:
    import hashlib

    data = os.urandom((1 << 20) + 17)
    write_bytes(tmp_path / "big", data)
    assert file_digest(tmp_path / "big") == hashlib.sha256(data).hexdigest()


def test_folder_digests_name_every_file_below_but_those_left_out(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b.txt", "x")
    write_text(tmp_path / "c.txt", "x")
    write_text(tmp_path / "skip" / "d.txt", "x")
    found = folder_digests(tmp_path, leave_out=frozenset({"skip"}))
    assert sorted(found) == ["a/b.txt", "c.txt"]
    assert found["a/b.txt"] == found["c.txt"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_every_way_of_having_no_room_is_disk_full(tmp_path: Path, code: int) -> None:
    with pytest.raises(DiskFull, match="KITAE_HOME"), disk_errors(tmp_path / "x.bin"):
        raise OSError(code, os.strerror(code))


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR, errno.ENOENT])
def test_every_place_that_cannot_be_written_is_wrong_input(tmp_path: Path, code: int) -> None:
    with pytest.raises(InputError, match="KITAE_HOME"), place_errors(tmp_path):
        raise OSError(code, os.strerror(code))
    with pytest.raises(InputError, match="--to DIR") as raised, place_errors(tmp_path, setting="--to DIR"):
        raise OSError(code, os.strerror(code))
    assert "KITAE_HOME" not in str(raised.value)


def test_other_failures_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), disk_errors(tmp_path / "x.bin"):
        raise PermissionError(errno.EACCES, "no")
    with pytest.raises(TimeoutError), place_errors(tmp_path):
        raise TimeoutError(errno.ETIMEDOUT, "no")


def test_a_file_that_finds_no_room_is_disk_full_and_the_old_one_stays(tmp_path: Path) -> None:
    """The kernel refuses to let a file grow past RLIMIT_FSIZE: the nearest thing to a full disk without a mount."""
    write_text(tmp_path / "a.txt", "old")
    code = (
        "import sys; from pathlib import Path\n"
        "from kitae.core.files import write_bytes; from kitae.errors import DiskFull\n"
        "try: write_bytes(Path(sys.argv[1]), b'x' * 100_000)\n"
        "except DiskFull as error: print(error.exit_code, error)"
    )

    def small_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.txt")],
        preexec_fn=small_files,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("2 no room left")
    assert (tmp_path / "a.txt").read_text() == "old"
