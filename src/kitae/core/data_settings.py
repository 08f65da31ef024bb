"""The data section of a recipe: sources with their terms, cleaning, privacy, duplicates, contamination, split."""

from typing import Annotated, Literal

from pydantic import Field

from kitae.core.endpoint_settings import EmbeddingSettings
from kitae.core.settings import Auto, Settings
from kitae.core.small_settings import AugmentSettings, BalanceSettings

ShapeName = Literal[
    "auto", "messages", "sharegpt", "alpaca", "prompt_completion", "question_answer", "text_label", "dpo", "kto",
    "document",
]  # fmt: skip


class ReadSettings(Settings):
    """How a raw file is taken apart, and how much of it at most."""

    unit: Literal["auto", "document", "page", "paragraph", "line"] = "auto"
    """What of a text, Markdown, HTML or PDF file is a row; `auto` is the whole document. Pages are a PDF's, paragraphs
    stand between blank lines."""
    longest_row_mb: float = Field(default=16.0, gt=0.0, le=1000.0)
    """A row, line or document of more million characters goes to quarantine without being held in memory."""
    unpacked_gb: float = Field(default=64.0, gt=0.0)
    """No more than this is unpacked from one archive or compressed file."""
    unpacked_ratio: float = Field(default=300.0, gt=1.0)
    """What unpacks to more than this many times its size is taken for a bomb and left."""


class SourceSettings(Settings):
    """One raw file (or several by a glob), and the terms on which it may be used."""

    path: str
    """File or glob, relative to the recipe; `${NAME:-default}` takes an environment variable."""
    shape: ShapeName = "auto"
    """How rows are built; `auto` looks at each row."""
    columns: dict[str, str] = Field(default_factory=dict)
    """Which column (or dotted path, such as `meta.topic` or `utterances.0.text`) holds what: question, answer; text,
    label; messages, tools, system; instruction, input, output, history; prompt, completion; chosen, rejected;
    desirable; licence, consent, rights_holder, language, group, use."""
    encoding: str = "auto"
    """Text encoding; `auto` detects UTF-8, UTF-16, CP932, EUC-JP."""
    read: ReadSettings = ReadSettings()
    """How it is taken apart."""
    licence: str | None = None
    """SPDX licence of every row that does not say its own; without any, a row is dropped."""
    consent: str | None = None
    """On what basis the data may be used: contract, consent, legitimate-interest, public."""
    rights_holder: str | None = None
    """Who holds the rights."""
    use: Literal["split", "train", "validation", "test"] = "split"
    """A split somebody else drew; `split` lets kitae draw it, or takes it row by row from `columns: {use: …}`."""


class PrivacySettings(Settings):
    """What happens to private data and secrets in the text."""

    mode: Literal["off", "flag", "mask", "replace", "drop"] = "replace"
    """off: nothing; flag: only say; mask: a kind name such as [email]; replace: a consistent made-up value; drop."""
    kinds: Annotated[list[str], Field(min_length=1)] | Auto = "auto"
    """Which kinds to look for; `auto` is all of them but `date` and `url`, which are seldom private alone."""
    scope: Literal["conversation", "dataset"] = "conversation"
    """Where the same value has the same stand-in; in other columns than the text it has one everywhere."""
    recognisers: list[str] = Field(default=["built-in"], min_length=1)
    """Who looks: built-in, presidio (`kitae[presidio]`), `spacy:PIPELINE` for names (`kitae[ner]`)."""


class MeaningSettings(Settings):
    """Records that say the same in other words. It is a hint: look at the pairs in the report before dropping any."""

    alike: float = Field(default=0.9, gt=0.0, le=1.0)
    """Cosine similarity of the questions, and of the answers, from which two records are taken to mean the same."""
    action: Literal["flag", "drop"] = "flag"
    """flag: they stay, and no split parts them; drop: only the best of them stays."""
    endpoint: EmbeddingSettings | None = None
    """Who turns texts into vectors (`/embeddings`); null compares the letters they have in common (TF-IDF, SVD), which
    finds the same words in another order, and knows no synonyms."""


class DuplicateSettings(Settings):
    """What counts as the same record."""

    exact: bool = True
    """Drop records whose text is equal after normalisation."""
    near: float | None = Field(default=0.8, gt=0.0, le=1.0)
    """Jaccard similarity of character n-grams above which two records are the same; null switches it off."""
    conflicts: Literal["keep", "drop"] = "drop"
    """The same question with different answers: `drop` keeps the majority's answer, or none on a tie; `keep` keeps all
    of them and flags them."""
    boilerplate: Literal["off", "flag", "strip"] = "flag"
    """A passage that many turns share (a signature, a disclaimer): `flag` only says so, `strip` takes it out."""
    boilerplate_letters: int = Field(default=40, ge=8)
    """Letters and digits from which a passage counts."""
    boilerplate_turns: int = Field(default=20, ge=2)
    """Different turns that must share a passage."""
    meaning: MeaningSettings | None = None
    """Look for records that say the same in other words; null does not. `{}` is enough to switch it on."""


class BenchmarkSettings(SourceSettings):
    """A file of test questions that training must not know: read as a source is, never trained on."""

    name: str = Field(min_length=1, max_length=80)
    """Short name used in reasons and reports."""


class ContaminationSettings(Settings):
    """Training records that hold rows of a benchmark: questions, answers, or both."""

    against: list[BenchmarkSettings] = Field(default_factory=list)
    """The benchmarks; without any, nothing is looked for."""
    words: int = Field(default=13, ge=8, le=200)
    """So many words of a question (an answer) must be in common spans of eight words and more; of a shorter one all."""
    characters: int = Field(default=30, ge=15, le=400)
    """The same in a Japanese text, in characters; spans have fifteen and more."""
    coverage: float = Field(default=0.5, gt=0.0, le=1.0)
    """The share of a question (an answer) that common spans must cover as well."""
    near: float | None = Field(default=0.8, gt=0.0, le=1.0)
    """Jaccard similarity of character n-grams above which a turn is a question, nearly; null switches it off."""
    drop: list[Literal["both", "question", "answer"]] = Field(default=["both", "question"])
    """What a training record must hold of a row to go: question and answer, the question, the answer. The rest is
    only flagged; with [] everything is."""


class SplitSettings(Settings):
    """Shares of training, validation and test; no duplicate cluster and no group crosses."""

    train: float = Field(default=0.8, ge=0.0, le=1.0)
    """Share for training."""
    validation: float = Field(default=0.1, ge=0.0, le=1.0)
    """Share for validation: early stopping looks at it."""
    test: float = Field(default=0.1, ge=0.0, le=1.0)
    """Share for the verdict; training never sees it."""
    group_by: str | None = None
    """A meta column (customer, document) whose rows stay together."""
    stratify_by: str | None = "auto"
    """`label`, `language` or a meta column whose shares are kept alike in all three; lists have several values.
    `auto` is the label where the task is to classify, and else nothing, as is null."""
    by_time: str | None = None
    """A meta column of dates: the oldest rows train, the newest are the test."""
    folds: int | None = Field(default=None, ge=2, le=100)
    """Cross-validation for small data: so many folds, of which one is the test, whatever share `test` names."""
    fold: int = Field(default=1, ge=1)
    """The fold that is the test, counted from 1."""


class RuleSettings(Settings):
    """How a cleaning rule is asked, where a threshold alone does not say it."""

    threshold: float | None = None
    """Its threshold; null is the rule's own."""
    action: Literal["drop", "flag", "quarantine"] | None = None
    """drop: the record goes; flag: it stays, with a note in its history and in the report; quarantine: it is set aside
    with the rows that could not be read, for somebody to look at; null is the rule's own."""


class ExecutorSettings(Settings):
    """Where the work on shards is done. It never changes a result, only how soon it is there."""

    kind: Literal["local", "ray"] = "local"
    """local: processes of this machine; ray: a Ray cluster that sees the workspace under the same path."""
    workers: Annotated[int, Field(ge=1)] | Auto = "auto"
    """Processes that work at the same time; `auto` is one for each core."""
    address: str | None = None
    """Address of the Ray cluster; null starts one on this machine."""


class SelfTrainingSettings(Settings):
    """More labelled rows from unlabelled ones: a cheap classifier labels what it is sure of, in rounds."""

    source: SourceSettings
    """The unlabelled rows, one text each (`columns: {text: …}`), read, repaired and redacted as all sources are. Labels
    that they may have are not looked at."""
    confidence: float = Field(default=0.95, gt=0.0, lt=1.0)
    """A row is taken when the calibrated probability of its label is at least this."""
    rounds: int = Field(default=3, ge=1, le=50)
    """Rounds at most. One after which the accuracy on validation falls is undone, and is the last."""
    most: int | None = Field(default=None, ge=1)
    """Rows taken in one round at most, the surest first; null takes all."""
    labeller: str = "tfidf"
    """Who labels: `tfidf` (TF-IDF and logistic regression), or `module:Class` with `fit` and `predict_proba`."""


class PolicySettings(Settings):
    """What the terms of every record must be, and what happens when they are not."""

    licences: tuple[str, ...] = ()
    """Allowed licences: SPDX ids, or patterns such as `CC-BY-*`; none named allows every one."""
    consent: tuple[str, ...] = ()
    """On what bases data may be used (contract, consent, legitimate-interest, public); none named asks for none."""
    rights_holders: tuple[str, ...] = ()
    """Whose records may be used, as names or patterns; `*` only asks that one is named; none named asks for none."""
    commercial: bool = False
    """Only licences that allow commercial use; one of which nothing is known counts when `licences` names it."""
    derivatives: bool = False
    """Only licences under which adapted material may be shared."""
    training: bool = False
    """Only licences whose terms leave training free; those without derivatives do not settle it."""
    on_breach: Literal["refuse", "drop"] = "refuse"
    """refuse: the run stops before training, with the list of the offenders; drop: they go, each with the reason."""


class DataSettings(Settings):
    """From raw records to a clean, redacted, deduplicated, split dataset."""

    sources: list[SourceSettings] = Field(min_length=1)
    """The raw files."""
    instruction: str | None = None
    """A system message put before every record that has none."""
    clean: dict[str, bool | float | RuleSettings] = Field(default_factory=dict)
    """Rules by name: a threshold, false to switch one off, or {threshold: …, action: …}.
    `kitae data rules` lists them."""
    policy: PolicySettings = PolicySettings()
    """What the terms of every record must be."""
    languages: list[Annotated[str, Field(pattern="^[a-z]{2,8}$")]] = Field(default=["ja", "en"], min_length=1)
    """Languages kept; others are dropped as wrong language."""
    privacy: PrivacySettings = PrivacySettings()
    """Private data and secrets."""
    duplicates: DuplicateSettings = DuplicateSettings()
    """Exact and near duplicates, conflicting answers."""
    contamination: ContaminationSettings = ContaminationSettings()
    """Benchmarks that training must not know."""
    split: SplitSettings = SplitSettings()
    """Training, validation, test."""
    review: list[str] = Field(default_factory=list)
    """Review sheets with people's decisions, relative to the recipe; `kitae data review` writes one to fill in."""
    balance: BalanceSettings | None = None
    """How uneven classes of the training split are evened out; null leaves them."""
    augment: AugmentSettings | None = None
    """More training rows by saying questions differently; null makes none."""
    self_training: SelfTrainingSettings | None = None
    """More labelled rows from unlabelled ones, of the task classify; null takes none."""
    executor: ExecutorSettings = ExecutorSettings()
    """Where the work is done."""
