"""The index on disk, so that every worker maps the same arrays instead of being sent a copy."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kitae.core.files import read_json, write_json
from kitae.data.contamination.index import Index, Limits, Near, Table

if TYPE_CHECKING:
    import numpy as np

FACTS = "index.json"


def save_index(index: Index, folder: Path) -> None:
    """Write the index into a folder; its facts last, so that an index that has them is whole."""
    import numpy as np

    folder.mkdir(parents=True, exist_ok=True)
    for name, array in _arrays(index).items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    facts = {
        "items": index.items,
        "texts": index.texts,
        "limits": vars(index.limits),
        "near": {str(is_ja): list(near.sets) for is_ja, near in index.near.items()},
    }
    write_json(folder / FACTS, facts)


def is_stored(folder: Path) -> bool:
    """Whether a whole index lies in a folder."""
    return (folder / FACTS).exists()


@lru_cache(maxsize=4)
def open_index(folder: Path) -> Index:
    """The index in a folder, its arrays mapped into memory; a process opens it once."""
    import numpy as np

    facts = read_json(folder / FACTS)

    def array(name: str) -> Any:
        return np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)

    def table(name: str) -> Table:
        return Table(array(f"{name}-hashes"), array(f"{name}-begins"), array(f"{name}-texts"))

    def near(is_ja: bool) -> Near:
        members, ends = array(f"near-{is_ja}-members"), array(f"near-{is_ja}-ends")
        sets = zip(facts["near"][str(is_ja)], np.split(members, ends[:-1]), strict=True) if len(ends) else ()
        return Near(array(f"near-{is_ja}-known"), array(f"near-{is_ja}-often"), table(f"near-{is_ja}-rare"), dict(sets))

    languages = (False, True)
    return Index(
        items=tuple((benchmark, row) for benchmark, row in facts["items"]),
        texts=tuple(facts["texts"]),
        japanese=array("japanese"),
        limits=Limits(**facts["limits"]),
        whole=table("whole"),
        windows={is_ja: table(f"windows-{is_ja}") for is_ja in languages},
        template={is_ja: array(f"template-{is_ja}") for is_ja in languages},
        near={is_ja: near(is_ja) for is_ja in languages if str(is_ja) in facts["near"]},
    )


def _arrays(index: Index) -> "dict[str, np.ndarray[Any, Any]]":
    import numpy as np

    tables = {"whole": index.whole}
    arrays: dict[str, np.ndarray[Any, Any]] = {"japanese": index.japanese}
    for is_ja in (False, True):
        tables[f"windows-{is_ja}"] = index.windows[is_ja]
        arrays[f"template-{is_ja}"] = index.template[is_ja]
    for is_ja, near in index.near.items():
        tables[f"near-{is_ja}-rare"] = near.rare
        arrays |= {f"near-{is_ja}-known": near.known, f"near-{is_ja}-often": near.often}
        arrays[f"near-{is_ja}-members"] = np.concatenate([np.empty(0, np.uint64), *near.sets.values()])
        arrays[f"near-{is_ja}-ends"] = np.cumsum([len(members) for members in near.sets.values()], dtype=np.int64)
    for name, table in tables.items():
        arrays |= {f"{name}-hashes": table.hashes, f"{name}-begins": table.begins, f"{name}-texts": table.texts}
    return arrays
