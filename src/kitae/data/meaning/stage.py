"""Who says in other words what another record says: the stage after the duplicates, over those that stay.

Workers write down what is said and turn it into vectors; the pairs are found over all of them. Two records are taken to
mean the same when their questions are alike, and their answers (an equal label, of documents nothing), and all numbers
are equal. The best record of several is kept by the rule of `kitae.data.duplicates`; others are flagged, or go.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from kitae.core.data_settings import MeaningSettings
from kitae.core.embedding import Embedder
from kitae.data.alike.cases import TEST
from kitae.data.alike.columns import Columns
from kitae.data.alike.deciding import keep_the_best
from kitae.data.alike.fingerprints import USES
from kitae.data.alike.ragged import Array
from kitae.data.executors import Executor
from kitae.data.meaning.letters import learn_letters, same_words
from kitae.data.meaning.pairs import alike, cosines_of, rounded
from kitae.data.meaning.speaking import Speak, Vectors, speak, write_vectors
from kitae.data.report.samples import short
from kitae.data.shards import shard_path, whole_table, write_table

SAME_MEANING = "same_meaning"
"""The rule by which records are flagged, or go."""
REASON = "seems to say in other words what {origin} says (similarity {similarity:.2f})"
EXAMPLES = 6
"""So many of the nearest pairs are shown, and of those that only just count."""
SAMPLE = 40_000
"""Letters are learnt from so many records at most."""


@dataclass(frozen=True)
class Shard:
    """A judged shard: its table, its fingerprints, and the rows of those that stayed among all who did."""

    judged: Path
    prints: Path
    begin: int
    end: int


@dataclass(frozen=True)
class Meanings:
    """What was found: a table of edits (as `find_duplicates` writes it, its own rows among them), and figures."""

    table: Path
    figures: dict[str, Any] = field(default_factory=dict)


def find_meanings(
    shards: Sequence[Shard],
    gone: Path,
    *,
    settings: MeaningSettings,
    task: str,
    workers: Executor,
    scratch: Path,
    answers: Path,
) -> Meanings:
    """Look among the records that stay; `gone` is the table of those that do not, `answers` keeps an endpoint's.

    Raises `InputError` for an endpoint that does not answer, `DiskFull`.
    """
    went = _gone_rows(gone)
    said = list(workers.map(speak, _speaking(shards, went, task, scratch / "said")))
    vectors, line = _vectors(said, settings, workers, scratch, answers)
    columns = Columns([shard.prints for shard in shards])
    found = _Found(columns, said, [shard.begin for shard in shards], vectors, words=settings.endpoint is None)
    ones, others, similarity = found.pairs(settings.alike)
    rows, kept, values = _decided(columns, ones, others, similarity)
    figures = {
        "alike": settings.alike,
        "action": settings.action,
        "by": "letters" if settings.endpoint is None else settings.endpoint.model,
        "compared": len(found.rows),
        "uncompared": found.silent,
        "cost": 0.0 if line is None else round(line.spent, 6),
        "stopped": line is not None and line.reached_cap,
        "found": len(rows),
        "similarities": _classes(values),
        "examples": found.examples(rows, kept, values),
    }
    edits = _edits(columns, rows, kept, values, settings.action)
    return Meanings(_written(gone, edits, scratch / "meanings.arrow", settings.action), figures)


def _gone_rows(gone: Path) -> Array:
    """The rows that do not stay; others in the table are only flagged."""
    import pyarrow.compute as pc

    table = whole_table(gone)
    rows: Array = table.filter(pc.invert(pc.match_substring(table["detail"], '"action": "flag"')))["row"].to_numpy()
    return rows


def _speaking(shards: Sequence[Shard], gone: Array, task: str, folder: Path) -> Iterator[Speak]:
    for number, shard in enumerate(shards):
        first, last = gone.searchsorted([shard.begin, shard.end])
        yield Speak(
            shard.judged, frozenset((gone[first:last] - shard.begin).tolist()), task, shard_path(folder, number)
        )


def _vectors(
    said: Sequence[Path], settings: MeaningSettings, workers: Executor, scratch: Path, answers: Path
) -> tuple[list[tuple[Path, Path]], Embedder | None]:
    """Files of vectors of questions and answers of each shard, and the line to the endpoint, if one was asked."""
    folder = scratch / "vectors"
    tables = [(folder / f"{path.stem}.question", folder / f"{path.stem}.answer") for path in said]
    if settings.endpoint is None:
        model = scratch / "letters.npz"
        if not model.exists():
            learn_letters(_sample(said), model)
        tasks = (Vectors(path, model, *files) for path, files in zip(said, tables, strict=True))
        list(workers.map(write_vectors, tasks))
        return tables, None
    line = Embedder(settings.endpoint, answers, place="data.duplicates.meaning.endpoint")
    try:
        for path, files in zip(said, tables, strict=True):
            spoken = whole_table(path)
            ids = spoken["id"].to_pylist()
            texts = [spoken[name].to_pylist() for name in ("question", "answer")]
            vectors = line.vectors([*texts[0], *texts[1]], ids * 2)
            for place, file in enumerate(files):
                part = None if vectors is None else vectors[place * len(ids) : (place + 1) * len(ids)]
                _save(file, np.zeros((len(ids), 0)) if part is None else part)
    finally:
        line.close()
    return tables, line


def _save(path: Path, vectors: Array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.save(file, rounded(vectors))


def _sample(said: Sequence[Path]) -> list[str]:
    """Questions and answers of records drawn by their ids: the same however the records are cut into shards."""
    digests = [np.array([_digest(one) for one in whole_table(path)["id"].to_pylist()], np.uint64) for path in said]
    every = np.concatenate([np.empty(0, np.uint64), *digests])
    least = np.sort(every)[:SAMPLE][-1] if len(every) else 0
    drawn: list[tuple[int, str, str]] = []
    for path, found in zip(said, digests, strict=True):
        chosen = np.flatnonzero(found <= least)
        table = whole_table(path).take(chosen)
        drawn += zip(found[chosen].tolist(), table["question"].to_pylist(), table["answer"].to_pylist(), strict=True)
    return [text for _, *texts in sorted(drawn) for text in texts if text]


def _digest(value: str) -> int:
    return int.from_bytes(blake2b(value.encode(), digest_size=8).digest(), "big")


class _Found:
    """The vectors of all shards in one memory map each, and the pairs among them."""

    def __init__(
        self,
        columns: Columns,
        said: Sequence[Path],
        begins: Sequence[int],
        files: Sequence[tuple[Path, Path]],
        *,
        words: bool,
    ) -> None:
        """Put the vectors of the shards one after the other; `words` asks for the same words as well."""
        self._words = words
        self._columns, self._said = columns, said
        self._places = [whole_table(path)["place"].to_numpy() for path in said]
        self._begins = np.cumsum([0, *map(len, self._places)])
        of_row = [places + begin for places, begin in zip(self._places, begins, strict=True)]
        self._row = np.concatenate([np.empty(0, np.int64), *of_row])
        self._question, self._answer = (_joined([pair[side] for pair in files]) for side in (0, 1))
        speaks = self._question.any(axis=1) if len(self._row) else np.empty(0, bool)
        self.silent = int((~speaks).sum())
        self.rows = np.flatnonzero(speaks)
        self._facts = {name: columns.take(name, self._row) for name in ("numbers", "answer", "answer_numbers")}
        self._answered = columns.take_lengths("answer_text", self._row) > 0

    def pairs(self, least: float) -> tuple[Array, Array, Array]:
        """Rows (among all who stayed) that mean the same, `ones[i] < others[i]`, and how alike they are."""
        ones, others, similarity = alike(self._question, self.rows, least, self._same)
        return self._row[ones], self._row[others], similarity

    def _same(self, ones: Array, others: Array) -> Array:
        """The cosine of two answers; 1 for equal ones, -1 where a number or a label differs."""
        facts, answered = self._facts, self._answered
        out = np.where(facts["answer"][ones] == facts["answer"][others], 1.0, -1.0)
        out[facts["numbers"][ones] != facts["numbers"][others]] = -2.0
        open_ = (out == -1.0) & answered[ones] & answered[others]
        open_ &= facts["answer_numbers"][ones] == facts["answer_numbers"][others]
        asked = np.flatnonzero(open_)
        out[asked] = cosines_of(self._answer, ones[asked], others[asked])
        if self._words:
            asked = np.flatnonzero(out > 0)
            questions = zip(self._questions(ones[asked]), self._questions(others[asked]), strict=True)
            out[asked[[not same_words(one, other) for one, other in questions]]] = -1.0
        return out

    def _questions(self, places: Array) -> list[str]:
        """What is asked at these places."""
        out = [""] * len(places)
        shards = np.searchsorted(self._begins, places, side="right") - 1
        for shard in np.unique(shards).tolist():
            here = np.flatnonzero(shards == shard)
            found = whole_table(self._said[shard])["question"].take(places[here] - self._begins[shard]).to_pylist()
            for place, text in zip(here.tolist(), found, strict=True):
                out[place] = text
        return out

    def examples(self, rows: Array, kept: Array, values: Array) -> list[dict[str, Any]]:
        """The nearest pairs and those that only just count, with private data masked."""
        order = np.lexsort((rows, -values))
        chosen = order if len(order) <= 2 * EXAMPLES else np.concatenate([order[:EXAMPLES], order[-EXAMPLES:]])
        return [
            {
                "similarity": round(float(values[place]), 3),
                "one": self._quoted(int(kept[place])),
                "other": self._quoted(int(rows[place])),
            }
            for place in chosen.tolist()
        ]

    def _quoted(self, row: int) -> dict[str, str]:
        place = int(np.searchsorted(self._row, row))
        shard = int(np.searchsorted(self._begins, place, side="right")) - 1
        [said] = whole_table(self._said[shard]).slice(place - int(self._begins[shard]), 1).to_pylist()
        said["answer"] = said["answer"] or said["label"]
        return {key: short(said[key]) if key in {"question", "answer"} else said[key]
                for key in ("id", "origin", "question", "answer")}  # fmt: skip


def _joined(files: Sequence[Path]) -> Array:
    """The vectors of all shards as one memory map; those of a shard that had none are zero."""
    parts = [np.load(file, mmap_mode="r") for file in files]
    width = max((part.shape[1] for part in parts), default=0)
    count = sum(map(len, parts))
    if not count or not width:
        return np.zeros((count, 1), dtype=np.int16)
    whole = np.lib.format.open_memmap(files[0].with_suffix(files[0].suffix + "s"), "w+", np.int16, (count, width))
    start = 0
    for part in parts:
        whole[start : start + len(part), : part.shape[1]] = part
        start += len(part)
    return whole


def _decided(columns: Columns, ones: Array, others: Array, similarity: Array) -> tuple[Array, Array, Array]:
    """Rows that say what a better one says, ascending, with that one and how alike they are."""
    rows = np.unique(np.concatenate([ones, others]))
    neighbours: dict[int, list[tuple[int, float]]] = {}
    for one, other, value in zip(ones.tolist(), others.tolist(), similarity.tolist(), strict=True):
        neighbours.setdefault(one, []).append((other, value))
        neighbours.setdefault(other, []).append((one, value))
    use, length, repairs = (columns.take(name, rows) for name in ("use", "length", "repairs"))
    held_first = np.minimum(use, USES.index("train"))
    order = np.lexsort((-length.astype(np.int64), repairs, held_first))
    gone, kept, values = keep_the_best(rows[order], rows[order], use[order] == TEST, neighbours)
    ascending = np.argsort(gone)
    return gone[ascending], kept[ascending], values[ascending]


def _classes(values: Array) -> dict[str, int]:
    """How many pairs are how alike, in steps of a hundredth."""
    counts = Counter(f"{np.floor(100 * value + 1e-9) / 100:.2f}" for value in values.tolist())
    return dict(sorted(counts.items()))


def _edits(columns: Columns, rows: Array, kept: Array, values: Array, action: str) -> list[dict[str, Any]]:
    """What is written of each row."""
    own_ids, ids = columns.take_strings("id", rows), columns.take_strings("id", kept)
    origins = columns.take_strings("origin", kept)
    found = []
    for row, id_, one, origin, value in zip(rows.tolist(), own_ids, ids, origins, values.tolist(), strict=True):
        detail = {"similarity": round(value, 3)}
        own = {"action": "flag", "like": one} if action == "flag" else {"kept": one}
        found.append({
            "row": row,
            "rule": SAME_MEANING,
            "reason": REASON.format(origin=origin, similarity=value),
            "detail": json.dumps(detail | own, sort_keys=True),
            "id": id_,
        })  # fmt: skip
    return found


def _written(gone: Path, edits: Sequence[Mapping[str, Any]], path: Path, action: str) -> Path:
    """The edits among those of the duplicates. Who went for a record that goes now went for the one that stays."""
    import pyarrow as pa

    table = whole_table(gone)
    own = pa.Table.from_pylist([{name: edit[name] for name in table.schema.names} for edit in edits], table.schema)
    if action == "drop":
        moved = {edit["id"]: json.loads(edit["detail"])["kept"] for edit in edits}
        details = pa.array([_moved(one, moved) for one in table["detail"].to_pylist()], pa.string())
        table = table.set_column(table.schema.get_field_index("detail"), table.schema.field("detail"), details)
    write_table(path, pa.concat_tables([table, own]).sort_by("row"))
    return path


def _moved(detail: str, moved: Mapping[str, str]) -> str:
    values = json.loads(detail)
    return (
        json.dumps(values | {"kept": moved[values["kept"]]}, sort_keys=True) if values.get("kept") in moved else detail
    )
