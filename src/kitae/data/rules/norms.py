"""What the data itself says is normal, learnt in two looks at its shards whose small results can be added up.

First look: how the answers of each file end, which of them do not end as sentences, how its records feel (only if a cap
is asked for), and how often words occur (only if typos are asked for). Second look: with which of the answers without
an end a longer one begins. No result depends on the order of the records nor on how they were cut into shards,
and none grows with their number.
"""

import re
import zlib
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kitae.core.records import Record
from kitae.core.text import SENTENCE_END, compact
from kitae.data.counting import BoundedCounts, digest64
from kitae.data.language import detect_language, same_language
from kitae.data.rules.emotion import MOST, emotion
from kitae.data.rules.seen import Seen
from kitae.data.rules.skew import Histogram
from kitae.data.rules.typos import learnt_slips, words_of

MOST_UNENDED = 1 << 17
"""Different answers without an end that are followed up; of more, those with the smallest digests (a fixed sample)."""
MOST_WORDS = 1 << 18
"""Different English words that are counted each for itself."""
SHORTEST_UNENDED = 8
"""Characters from which on an answer without an end is looked at; also how much of a beginning finds it again."""

ANSWERED = frozenset({"chat", "preference"})
"""Tasks whose answers are text in a language."""

_LETTER = re.compile(r"[^\W_]")
_LINK_END = re.compile(r"https?://\S+$|\S@\S+\.\w+$|```$")
"""One character before the @ will do: with more, a long word would be tried from each of its places."""
_BARE_FIGURE = re.compile(r"[^\s]{0,6}?\d[\d:,./\-]*\s*(?:円|時|分|人|個|日|%|yen|am|pm|km|m|kg)?$", re.IGNORECASE)


@dataclass(frozen=True)
class Norms:
    """What the data itself says is normal. Shares are of the answers of one file."""

    task: str
    languages: tuple[str, ...]
    sentence_share: Mapping[str, float] = field(default_factory=dict)
    """File to the share of its answers that end as sentences end."""
    translated_share: Mapping[str, float] = field(default_factory=dict)
    """File to the share of its answers that are in another language than their question."""
    begun: frozenset[int] = frozenset()
    """Digests of answers with which a longer answer begins."""
    feelings: tuple[tuple[str, Histogram], ...] = ()
    """File to how many of its records have each score of feeling, by name; empty when no cap is asked for."""
    slips: Mapping[str, str] = field(default_factory=dict)
    """English words that are probably slips of the keyboard, with what was probably meant."""

    def is_start_of_another(self, answer: str) -> bool:
        """Whether a longer answer of the data begins with this one, which does not end as sentences end."""
        return digest64(answer) in self.begun


@dataclass(frozen=True)
class Beginnings:
    """The answers without an end that the second look goes after."""

    digests: frozenset[int]
    lengths: Mapping[int, tuple[int, ...]]
    """Checksum of the first characters of such answers to the lengths (characters) that they have."""


@dataclass
class NormsPart:
    """The first look at some records, with which the looks at others can be merged."""

    task: str
    answers: Counter[str] = field(default_factory=Counter)
    """File to the number of its answers."""
    sentences: Counter[str] = field(default_factory=Counter)
    """File to the number of its answers that end as sentences end."""
    crossed: Counter[str] = field(default_factory=Counter)
    """File to the number of its answers in another language than their question."""
    unended: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Digest of an answer without an end to the checksum of its beginning and its length in characters."""
    feelings: dict[str, list[int]] = field(default_factory=dict)
    """File to how many of its records have each score of feeling, lowest first."""
    words: BoundedCounts = field(default_factory=lambda: BoundedCounts(MOST_WORDS))
    """How often English words occur that begin small."""

    def add(self, seen: Seen) -> None:
        """Look at how the answer of one more record ends, and at its language."""
        answer = seen.answer.strip()
        if not _LETTER.search(answer):
            return
        file = seen.record.origin.file
        self.answers[file] += 1
        if has_end(answer):
            self.sentences[file] += 1
        elif self.task != "classify" and len(answer) >= SHORTEST_UNENDED and not ends_otherwise(answer):
            self.unended[digest64(answer)] = _head(answer), len(answer)
            self._cut(2 * MOST_UNENDED)
        if self.task in ANSWERED and not same_language(seen.record.language, detect_language(answer)):
            self.crossed[file] += 1

    def feel(self, seen: Seen) -> None:
        """Look at the feeling of one more record."""
        counts = self.feelings.setdefault(seen.record.origin.file, [0] * (2 * MOST + 1))
        counts[MOST + emotion(seen.text, seen.found)] += 1

    def merge(self, other: "NormsPart") -> None:
        """Add what was seen elsewhere."""
        self.answers.update(other.answers)
        self.sentences.update(other.sentences)
        self.crossed.update(other.crossed)
        self.unended.update(other.unended)
        self._cut(2 * MOST_UNENDED)
        self.words.merge(other.words)
        for file, counts in other.feelings.items():
            mine = self.feelings.get(file, [0] * len(counts))
            self.feelings[file] = [one + more for one, more in zip(mine, counts, strict=True)]

    def beginnings(self) -> Beginnings:
        """What the second look goes after, once everything has been merged."""
        self._cut(MOST_UNENDED)
        lengths: dict[int, set[int]] = defaultdict(set)
        for head, length in self.unended.values():
            lengths[head].add(length)
        return Beginnings(frozenset(self.unended), {head: tuple(sorted(found)) for head, found in lengths.items()})

    def norms(self, begun: Iterable[frozenset[int]], *, languages: Sequence[str]) -> Norms:
        """The norms from this look and the second one's results."""
        self.words.close()
        return Norms(
            task=self.task,
            languages=tuple(languages),
            sentence_share=_shares(self.sentences, self.answers),
            translated_share=_shares(self.crossed, self.answers) if self.task in ANSWERED else {},
            begun=frozenset().union(*begun),
            feelings=tuple((file, tuple(counts)) for file, counts in sorted(self.feelings.items())),
            slips=learnt_slips(self.words.counts),
        )

    def _cut(self, limit: int) -> None:
        if len(self.unended) > limit:
            self.unended = {digest: self.unended[digest] for digest in sorted(self.unended)[:MOST_UNENDED]}


def learn(records: Iterable[Record], *, task: str, asked: Container[str] = ("suspected_typo",)) -> NormsPart:
    """The first look at the records of a shard; what is looked for depends on the rules that are `asked`."""
    part = NormsPart(task)
    typos, feelings = "suspected_typo" in asked, "emotion_skew" in asked
    tokens: Counter[str] = Counter()
    for record in records:
        seen = Seen(record, task)
        part.add(seen)
        if feelings:
            part.feel(seen)
        if typos:
            tokens.update(seen.text.split())
    part.words.add(words_of(tokens))
    return part


def merge(parts: Iterable[NormsPart], *, task: str) -> NormsPart:
    """The first look at all records, from those at their shards."""
    whole = NormsPart(task)
    for part in parts:
        whole.merge(part)
    return whole


def look_again(answers: Iterable[str], beginnings: Beginnings) -> frozenset[int]:
    """The second look at the answers of a shard, trimmed: digests of the ones without an end that begin one of these.

    The longer answer has to say more: a full stop is not enough.
    """
    begun: set[int] = set()
    for answer in answers:
        lengths = beginnings.lengths.get(_head(answer), ())
        for length in lengths[: bisect_left(lengths, len(answer))]:
            digest = digest64(answer[:length])
            if digest in beginnings.digests and compact(answer[length:]):
                begun.add(digest)
    return frozenset(begun)


def learn_norms(
    records: Sequence[Record], *, task: str, languages: Sequence[str], asked: Container[str] = ("suspected_typo",)
) -> Norms:
    """The norms of records that are all at hand."""
    part = learn(records, task=task, asked=asked)
    answers = (record.answer.strip() for record in records)
    return part.norms([look_again(answers, part.beginnings())], languages=languages)


def has_end(answer: str) -> bool:
    """Whether an answer without spaces around it ends as sentences end (`ends_sentence`, at its last character)."""
    return bool(SENTENCE_END.match(answer[-1:]))


def ends_otherwise(answer: str) -> bool:
    """Whether an answer is whole without a full stop: it ends with a link, an address or code, or is a mere figure."""
    return bool(_LINK_END.search(answer) or _BARE_FIGURE.fullmatch(answer))


def _head(answer: str) -> int:
    return zlib.crc32(answer[:SHORTEST_UNENDED].encode("utf-8", "surrogatepass"))


def _shares(some: Mapping[str, int], every: Mapping[str, int]) -> dict[str, float]:
    return {file: some.get(file, 0) / count for file, count in sorted(every.items())}
