"""Files, folders, globs and folders of 🤗 datasets are found; what is passed over is said, and nothing else is."""

import errno
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from data.desk import Desk, kept
from data.papers import pdf

from kitae.core.data_settings import SourceSettings
from kitae.core.files import read_jsonl
from kitae.data import preparing
from kitae.data.finding import find, found_files
from kitae.data.locating import names_of
from kitae.errors import SourceError

CSV = "question,answer\nWhere is the {word} please?,It is over there by the {word}.\n"


def listing(desk: Desk) -> dict[str, Any]:
    settings = [SourceSettings.model_validate(source) for source in desk.sources]
    return dict(find(settings, folder=desk.folder, out=desk.workspace).json("sources.json"))


def names(desk: Desk) -> list[str]:
    return [file["name"] for source in listing(desk)["sources"] for file in source["files"]]


def lay_out(desk: Desk) -> None:
    for name, word in (("in/a.csv", "bath"), ("in/deep/er/b.csv", "room"), ("in/deep/c.tsv", "sauna")):
        desk.write(name, CSV.format(word=word).replace(",", "\t" if name.endswith("tsv") else ","))
    desk.write("in/notes.md", "# Read me\n\nThese are questions.")
    desk.write("in/picture.png", b"\x89PNG")
    desk.write("in/LICENSE", "free")
    desk.write("in/empty.csv", "")
    desk.write("in/fake.csv", b"\x89PNG\r\n\x1a\n\0\0")
    desk.write("in/.hidden.csv", "a,b\n1,2\n")
    desk.write("in/.git/config.json", "{}")
    desk.write("in/~$book.xlsx", "lock")
    desk.sources = [{"path": "in", "licence": "CC0-1.0"}]


def test_a_folder_with_all_below_it(desk: Desk) -> None:
    lay_out(desk)
    [source] = listing(desk)["sources"]
    assert [file["within"] for file in source["files"]] == ["a.csv", "notes.md", "deep/c.tsv", "deep/er/b.csv"]
    assert {reason: over["first"] for reason, over in source["passed_over"].items()} == {
        "no reader for files without an ending": ["LICENSE"],
        "no reader for .png": ["picture.png"],
        "is empty": ["empty.csv"],
        "is not text: it looks like a PNG picture": ["fake.csv"],
    }
    dataset = desk.prepare(duplicates={"near": None})
    assert sorted(record.question.split()[3] for record in kept(dataset)) == ["bath", "room", "sauna"]
    [row] = read_jsonl(dataset.file("quarantine.jsonl"))
    assert (row["file"], "pretrain" in row["reason"]) == ("notes.md", True)


def test_what_is_passed_over_is_said(desk: Desk) -> None:
    lay_out(desk)
    lines = desk.source_lines()
    assert "in: passed over 1 (no reader for .png): picture.png" in lines
    assert "in: passed over 1 (is empty): empty.csv" in lines


def test_a_glob_into_folders(desk: Desk) -> None:
    lay_out(desk)
    desk.sources = [{"path": "in/**/*.?sv", "licence": "CC0-1.0"}]
    [source] = listing(desk)["sources"]
    assert [file["within"] for file in source["files"]] == ["a.csv", "deep/c.tsv", "deep/er/b.csv"]
    assert sorted(source["passed_over"]) == ["is empty", "is not text: it looks like a PNG picture"]


def test_the_workspace_is_no_source(desk: Desk) -> None:
    desk.write("faq.csv", CSV.format(word="bath"))
    desk.sources = [{"path": ".", "licence": "CC0-1.0"}]
    assert names(desk) == ["faq.csv"]
    assert names(desk) == ["faq.csv"]


def test_members_without_a_reader_are_said(desk: Desk) -> None:
    with zipfile.ZipFile(desk.folder / "all.zip", "w") as archive:
        archive.writestr("faq.csv", CSV.format(word="bath"))
        archive.writestr("p/a.png", b"\x89PNG")
    desk.sources = [{"path": "all.zip", "licence": "CC0-1.0"}]
    [source] = listing(desk)["sources"]
    assert source["passed_over"] == {"no reader for .png": {"count": 1, "first": ["all.zip/p/a.png"]}}
    [record] = kept(desk.prepare())
    assert str(record.origin) == "all.zip[faq.csv]:1"


def test_links_to_folders_are_said_and_not_followed(desk: Desk) -> None:
    desk.write("in/a.csv", CSV.format(word="bath"))
    desk.write("out/b.csv", CSV.format(word="room"))
    (desk.folder / "in" / "link").symlink_to(desk.folder / "out")
    desk.sources = [{"path": "in"}]
    [source] = listing(desk)["sources"]
    assert [file["within"] for file in source["files"]] == ["a.csv"]
    assert source["passed_over"] == {"a link to a folder": {"count": 1, "first": ["link"]}}


def test_a_folder_without_anything_says_what_was_there(desk: Desk) -> None:
    desk.write("in/a.png", b"\x89PNG")
    desk.sources = [{"path": "in"}]
    with pytest.raises(SourceError, match=r"a\.png: no reader for \.png"):
        listing(desk)


def test_one_bad_document_does_not_fail_a_folder(desk: Desk) -> None:
    desk.write("in/a.csv", CSV.format(word="bath"))
    desk.write("in/b.pdf", pdf("", ""))
    desk.write("in/c.pdf", b"%PDF-1.4 broken")
    desk.sources = [{"path": "in", "licence": "CC0-1.0"}]
    dataset = desk.prepare()
    assert len(kept(dataset)) == 1
    assert sorted(row["file"] for row in read_jsonl(dataset.file("quarantine.jsonl"))) == ["b.pdf", "c.pdf"]
    (desk.folder / "in/a.csv").unlink()
    with pytest.raises(SourceError, match=r"no row of in could be used"):
        desk.prepare()


def test_a_table_of_no_use_fails_even_in_a_folder(desk: Desk) -> None:
    desk.write("in/a.csv", CSV.format(word="bath"))
    desk.write("in/b.csv", "colour,size\nred,4\n")
    desk.write("in/c.csv", "question,answer\n")
    desk.sources = [{"path": "in", "licence": "CC0-1.0"}]
    with pytest.raises(SourceError, match=r"no row of b\.csv"):
        desk.prepare()
    (desk.folder / "in/b.csv").unlink()
    assert len(kept(desk.prepare())) == 1


@pytest.mark.parametrize("change", ["gone", "other"])
def test_a_file_that_vanishes_or_changes_says_so(desk: Desk, change: str) -> None:
    desk.write("faq.csv", CSV.format(word="bath"))
    settings = [SourceSettings.model_validate(source) for source in desk.sources]
    source = find(settings, folder=desk.folder, out=desk.workspace)
    if change == "gone":
        (desk.folder / "faq.csv").unlink()
    else:
        desk.write("faq.csv", CSV.format(word="room"))
    with pytest.raises(SourceError, match=r"faq\.csv (cannot be read|changed)") as caught:
        found_files(source, desk.folder)
    assert caught.value.hint


@pytest.mark.parametrize("moment", ["file_encoding", "_redactor", "read_rows"])
@pytest.mark.parametrize("change", ["gone", "locked"])
def test_a_file_that_vanishes_before_it_is_read_says_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, change: str, moment: str
) -> None:
    desk.write("faq.csv", CSV.format(word="bath"))
    path, done, opened = desk.folder / "faq.csv", getattr(preparing, moment), Path.open

    def locked(file: Path, *args: Any, **kwargs: Any) -> Any:
        if file == path:
            raise PermissionError(errno.EACCES, "Permission denied", str(file))
        return opened(file, *args, **kwargs)

    def meanwhile(*args: Any, **kwargs: Any) -> Any:
        if change == "gone":
            path.unlink(missing_ok=True)
        else:
            monkeypatch.setattr(Path, "open", locked)
        return done(*args, **kwargs)

    monkeypatch.setattr(preparing, moment, meanwhile)
    with pytest.raises(SourceError, match=r"faq\.csv cannot be read") as caught:
        desk.prepare()
    assert caught.value.hint
    monkeypatch.setattr(preparing, moment, done)
    monkeypatch.setattr(Path, "open", opened)
    path.write_text(CSV.format(word="bath"), "utf-8")
    assert len(kept(desk.prepare())) == 1


def test_new_files_of_a_folder_do_not_slip_in(desk: Desk) -> None:
    desk.write("in/a.csv", CSV.format(word="bath"))
    settings = [SourceSettings(path="in")]
    source = find(settings, folder=desk.folder, out=desk.workspace)
    desk.write("in/b.csv", CSV.format(word="room"))
    assert [file.name for file in found_files(source, desk.folder)] == ["a.csv"]


def test_names_are_the_shortest_that_tell_files_apart() -> None:
    paths = [Path("/x/a/faq.csv"), Path("/x/b/faq.csv"), Path("/x/b/log.csv"), Path("/y/b/faq.csv"), Path("faq.csv")]
    assert names_of(paths) == {
        Path("/x/a/faq.csv"): "a/faq.csv", Path("/x/b/faq.csv"): "x/b/faq.csv", Path("/x/b/log.csv"): "log.csv",
        Path("/y/b/faq.csv"): "y/b/faq.csv", Path("faq.csv"): "faq.csv",
    }  # fmt: skip
    many = [Path(f"/x/{n}/faq.csv") for n in range(20_000)]
    assert len(set(names_of(many).values())) == 20_000


def test_a_folder_of_datasets(desk: Desk) -> None:
    datasets = pytest.importorskip("datasets")
    rows = [{"question": f"What is number {n} called?", "answer": f"It is {n}.", "label": n % 2} for n in range(9)]
    features = datasets.Features(
        {"question": datasets.Value("string"), "answer": datasets.Value("string"),
         "label": datasets.ClassLabel(names=["even", "odd"])}
    )  # fmt: skip
    made = datasets.Dataset.from_list(rows, features=features)
    made.select(range(6)).save_to_disk(desk.folder / "one")
    datasets.DatasetDict({"train": made, "test": made.select([8, 7])}).save_to_disk(desk.folder / "two")
    (desk.folder / "one" / "cache-123.arrow").write_bytes(b"ARROW1 left by a map")
    desk.sources = [{"path": "one", "licence": "CC0-1.0"}, {"path": "two/test", "licence": "CC0-1.0", "use": "test"}]
    records = kept(desk.prepare(duplicates={"near": None}))
    assert [record.use for record in records] == [""] * 6 + ["test"] * 2
    assert [record.label for record in records] == ["even", "odd"] * 3 + ["even", "odd"]
    assert records[6].question == "What is number 8 called?"
    desk.sources = [{"path": "two", "licence": "CC0-1.0"}]
    assert len(names(desk)) == 2


def test_a_dataset_of_the_hub(desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The library takes a folder beside the process for a dataset of that name, and prepares it all the same."""
    datasets = pytest.importorskip("datasets")
    folder = tmp_path / "beside" / "acme" / "faq"
    folder.mkdir(parents=True)
    for split in ("train", "test"):
        rows = [{"question": f"What is {split} {n} called?", "answer": f"It is {n}."} for n in range(3)]
        (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    monkeypatch.chdir(tmp_path / "beside")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hub")
    desk.sources = [{"path": "hub:acme/faq@test", "licence": "CC0-1.0"}]
    records = kept(desk.prepare(duplicates={"near": None}))
    assert [str(record.origin) for record in records] == [f"hub:acme/faq@test/00000.arrow:{n}" for n in (1, 2, 3)]
    desk.sources[0]["path"] = "hub:acme/faq"
    assert names(desk) == ["hub:acme/faq@train/00000.arrow", "hub:acme/faq@test/00000.arrow"]


@pytest.mark.parametrize(
    ("path", "says"),
    [("hub:", "not a dataset"), ("hub:a/b/c", "not a dataset"), ("hub:acme/faq@train[:9]", "not a dataset"),
     ("hub:nobody-has/this-one", "cannot be loaded")],
)  # fmt: skip
def test_a_dataset_of_the_hub_that_cannot_be_had(desk: Desk, path: str, says: str) -> None:
    pytest.importorskip("datasets")
    desk.sources = [{"path": path}]
    with pytest.raises(SourceError, match=says) as caught:
        listing(desk)
    assert caught.value.hint


def test_datasets_that_is_not_installed_is_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    desk.sources = [{"path": "hub:acme/faq"}]
    with pytest.raises(SourceError, match=r"kitae\[datasets\]"):
        listing(desk)
