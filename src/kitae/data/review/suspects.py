"""Labels and answers that do not fit the rest, found by cheap models that never saw the record they judge.

The models are kernel ridge regressions on character n-grams: fitted once, they give for each record what they would
have said without it, in closed form (Rifkin and Lippert 2007, Notes on Regularized Least Squares, section 3). Labels
are judged by confident learning (Northcutt, Jiang, Chuang 2021, arXiv:1911.00068, section 3) as cleanlab does it;
answers by how well they fit what the question makes us expect, beside other answers in the same language.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from kitae.core.records import Record
from kitae.core.text import normalise
from kitae.data.counting import digest64

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

LEAST_ROWS = 20
"""With fewer records nothing is said."""
LEAST_OF_CLASS = 4
"""Records that a label, or an answer that recurs, needs to be judged as one."""
BLOCK_ROWS = 6_000
"""More records are judged in blocks of at most this many, each by the others of its block: memory is its square."""
RIDGE = 0.3
SHARPNESSES = (4.0, 8.0, 12.0, 16.0, 24.0)
"""Scores become chances by a softmax with that of these factors under which the given labels are likeliest."""
DIMENSIONS = 192
OTHERS = 100
"""Other answers that an answer is compared with."""
TELLING = 0.25
"""Where half of all answers rank worse than this, questions do not tell the answers, and nothing is said of them."""
WRONG_RANK = 0.5
CUTS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, WRONG_RANK)
SHOWN_CHARACTERS = 80
CONTENT_CHARACTERS = (1, 4)


@dataclass(frozen=True)
class Suspect:
    """A record to look at. `score` is how well its label or answer fits, from 0 (not at all) to 1."""

    record: Record
    kind: Literal["label", "answer"]
    score: float
    reason: str
    suggestion: str = ""
    """The label that fits better, or ""."""

    def as_dict(self) -> dict[str, Any]:
        """The suspect as JSON-ready values."""
        record = self.record
        return {
            "id": record.id,
            "origin": str(record.origin),
            "kind": self.kind,
            "score": round(self.score, 4),
            "reason": self.reason,
            "question": record.question,
            "answer": record.answer,
            "label": record.label,
            "suggestion": self.suggestion,
        }


@dataclass(frozen=True)
class Findings:
    """The suspects, the worst first, how many records were looked at, and what could not be judged and why."""

    suspects: tuple[Suspect, ...]
    looked_at: int
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The findings as JSON-ready values."""
        return {
            "looked_at": self.looked_at,
            "notes": list(self.notes),
            "suspects": [suspect.as_dict() for suspect in self.suspects],
        }


def find_suspects(records: Sequence[Record], *, task: str, seed: int) -> Findings:
    """The records whose label, or in a chat whose answer, does not fit the rest. The same records give the same."""
    notes: list[str] = []
    # By a digest, so that a block is a fair sample and does not depend on the order of the files.
    records = sorted(records, key=lambda record: (digest64(record.id), record.id))
    labelled = [record for record in records if record.label and record.question.strip()]
    paired = [record for record in records if task == "chat" and record.question.strip() and record.answer.strip()]
    suspects = [*_label_suspects(labelled, notes), *_answer_suspects(paired, seed, notes)]
    suspects.sort(key=lambda suspect: (suspect.score, suspect.record.id))
    return Findings(tuple(suspects), len({record.id for record in (*labelled, *paired)}), tuple(notes))


def _label_suspects(records: Sequence[Record], notes: list[str]) -> list[Suspect]:
    counts = Counter(record.label for record in records)
    rare = sorted(label for label, count in counts.items() if count < LEAST_OF_CLASS)
    if rare and len(rare) < len(counts):
        said = ", ".join(rare[:5])
        notes.append(f"{len(rare)} labels have fewer than {LEAST_OF_CLASS} records and were not judged: {said}")
    judged = [record for record in records if counts[record.label] >= LEAST_OF_CLASS]
    misfits = _misfits(judged, [record.label for record in judged])
    if records and misfits is None:
        notes.append(f"labels were not judged: {len(judged)} records of labels with enough of them are too few")
    return [
        Suspect(
            misfit.record,
            "label",
            misfit.chance,
            f"records like it are labelled '{misfit.likeliest}' ({misfit.its_chance:.0%}), "
            f"this one '{misfit.record.label}' ({misfit.chance:.0%})",
            "" if misfit.likeliest == misfit.record.label else misfit.likeliest,
        )
        for misfit in misfits or ()
    ]


@dataclass(frozen=True)
class _Misfit:
    """A record that does not fit its class: the chance of its class, the likeliest class and the chance of that."""

    record: Record
    chance: float
    likeliest: str
    its_chance: float


def _misfits(records: Sequence[Record], classes: Sequence[str]) -> list[_Misfit] | None:
    """The records that are in a wrong class, judged by their questions; None when there are too few to say."""
    names = sorted(set(classes))
    if len(records) < LEAST_ROWS or len(names) < 2:
        return None
    import numpy as np
    from cleanlab.filter import find_label_issues

    places = {name: place for place, name in enumerate(names)}
    given_R = np.array([places[name] for name in classes])
    scores_RL = np.concatenate(
        [
            _left_out(_kernel([record.question for record in records[block]]), np.eye(len(names))[given_R[block]])
            for block in _blocks(len(records))
        ]
    )
    chances_RL = _chances(scores_RL, given_R)
    wrong = find_label_issues(
        given_R, chances_RL, filter_by="low_self_confidence", return_indices_ranked_by="self_confidence", n_jobs=1
    )
    found = []
    for index in wrong.tolist():
        best = int(chances_RL[index].argmax())
        chance, its_chance = float(chances_RL[index, given_R[index]]), float(chances_RL[index, best])
        found.append(_Misfit(records[index], chance, names[best], its_chance))
    return found


def _chances(scores_RL: "Array", given_R: "Array") -> "Array":
    """Scores as chances, calibrated on the given labels."""
    import numpy as np
    from scipy.special import log_softmax

    rows = np.arange(len(given_R))
    tried = [log_softmax(sharpness * scores_RL, axis=1) for sharpness in SHARPNESSES]
    logs_RL = max(tried, key=lambda logs: float(logs[rows, given_R].mean()))
    chances_RL: Array = np.exp(logs_RL.astype(np.float64))
    chances_RL /= chances_RL.sum(axis=1, keepdims=True)
    return chances_RL


def _answer_suspects(records: Sequence[Record], seed: int, notes: list[str]) -> list[Suspect]:
    """Answers that recur are classes of questions; of the others each is held against what its question promises."""
    forms = [normalise(record.answer) for record in records]
    counts = Counter(forms)
    found: list[Suspect] = []
    single: list[Record] = []
    for language in sorted({record.language for record in records}):
        here = [(r, form) for r, form in zip(records, forms, strict=True) if r.language == language]
        recurring = [(record, form) for record, form in here if counts[form] >= LEAST_OF_CLASS]
        misfits = _misfits([record for record, _ in recurring], [form for _, form in recurring])
        found += [
            Suspect(one.record, "answer", one.chance, f"questions like it are answered: {_short(one.likeliest)}")
            for one in misfits or ()
        ]
        single += [record for record, form in here if misfits is None or counts[form] < LEAST_OF_CLASS]
    if len(single) < LEAST_ROWS:
        if single:
            notes.append(f"{len(single)} answers were not judged: so few that do not recur say nothing of each other")
        return found
    return [*found, *_single_suspects(single, seed, notes)]


def _single_suspects(records: Sequence[Record], seed: int, notes: list[str]) -> list[Suspect]:
    import numpy as np

    ranks_R = np.concatenate([_ranks(records[block], seed) for block in _blocks(len(records))])
    if float(np.median(ranks_R)) > TELLING:
        notes.append(f"{len(records)} answers were not judged: here, a question does not tell what its answer is about")
        return []
    return [
        Suspect(
            records[index],
            "answer",
            1.0 - float(ranks_R[index]),
            f"{ranks_R[index]:.0%} of other answers fit this question better",
        )
        for index in np.flatnonzero(ranks_R >= _cut(ranks_R)).tolist()
    ]


def _cut(ranks_R: "Array") -> float:
    """The rank from which on an answer is suspicious: the lowest at which at least half of the suspects are wrong.

    A wrong answer ranks anywhere alike, so twice as many are wrong as rank in the worse half (the estimate of Storey
    2002, A direct approach to false discovery rates, section 3).
    """
    wrong = 2 * int((ranks_R >= WRONG_RANK).sum())
    return next(cut for cut in CUTS if 2 * wrong * (1 - cut) >= (ranks_R >= cut).sum())


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"


def _ranks(records: Sequence[Record], seed: int) -> "Array":
    """The share of other answers in the same language that fit each record's question better than its own [R].

    An answer fits when it is like what such questions are answered, or speaks of the same things as the question.
    """
    import numpy as np

    questions, answers = [record.question for record in records], [record.answer for record in records]
    answers_RD = _reduced(answers, seed)
    expected_RD = _left_out(_kernel(questions), answers_RD)
    both = _weighted([*questions, *answers])
    asked_RN, said_RN = both[: len(records)], both[len(records) :]
    forms = np.array([normalise(record.answer) for record in records])
    languages = np.array([record.language for record in records])
    own_R = (answers_RD * expected_RD).sum(axis=1) + np.asarray(asked_RN.multiply(said_RN).sum(axis=1)).ravel()
    ranks_R = np.zeros(len(records))
    chance = np.random.default_rng(seed)
    for index in range(len(records)):
        others = chance.choice(np.flatnonzero(languages == languages[index]), OTHERS)
        others = others[forms[others] != forms[index]]
        if len(others):
            fits = answers_RD[others] @ expected_RD[index] + (said_RN[others] @ asked_RN[index].T).toarray().ravel()
            ranks_R[index] = (fits > own_R[index]).mean()
    return ranks_R


def _left_out(kernel_RR: "Array", values_RV: "Array") -> "Array":
    """What a kernel ridge regression that did not see a record says of it [R, V], without fitting R of them."""
    import numpy as np

    inverse_RR = np.linalg.inv(kernel_RR + RIDGE * np.eye(len(kernel_RR), dtype=np.float32))
    said: Array = values_RV - inverse_RR @ values_RV / np.diag(inverse_RR)[:, None]
    return said


def _blocks(count: int) -> Iterator[slice]:
    """As few slices of nearly one length as hold at most `BLOCK_ROWS` records each."""
    pieces = -(-count // BLOCK_ROWS)
    for piece in range(pieces):
        yield slice(count * piece // pieces, count * (piece + 1) // pieces)


def _kernel(texts: Sequence[str]) -> "Array":
    """How alike texts are [R, R]: cosines of their weighted n-grams."""
    vectors = _weighted(texts)
    kernel: Array = (vectors @ vectors.T).toarray()
    return kernel


def _reduced(texts: Sequence[str], seed: int) -> "Array":
    """Texts as vectors [R, D] of length 1: weighted n-grams, reduced to D dimensions (latent semantics)."""
    import numpy as np
    from sklearn.decomposition import TruncatedSVD
    from sklearn.preprocessing import normalize

    weighted = _weighted(texts)
    kept = min(DIMENSIONS, min(weighted.shape) - 1)
    if kept < 1:
        return np.ones((len(texts), 1))
    reduced: Array = normalize(TruncatedSVD(kept, random_state=seed).fit_transform(weighted))
    return reduced


def _weighted(texts: Sequence[str]) -> Any:
    """TF-IDF of character n-grams, a sparse matrix [R, N] whose rows have length 1."""
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    weights = TfidfVectorizer(
        preprocessor=lambda text: normalise(text) or "-",
        analyzer="char_wb",
        ngram_range=CONTENT_CHARACTERS,
        sublinear_tf=True,
        dtype=np.float32,
    )
    return weights.fit_transform(texts)
