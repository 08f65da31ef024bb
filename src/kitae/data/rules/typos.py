"""Suspected slips of the keyboard, each explained by what was probably meant. They are flagged, not dropped.

English: a list of known slips, words written twice, and words that occur once or twice where one letter less, more,
changed or swapped gives a word that the data uses all the time (Damerau 1964, doi:10.1145/363958.363994: these four
are most slips). A rare word is no slip by itself, so only the kinds are taken that real words seldom are: letters
swapped inside, one lost or one too many in a long word, a wrong vowel.

Japanese: known slips, a particle or an ending twice, pairs of kana that Japanese does not have (っい, うゃ), letters of
another script that look alike (へ among katakana), and figures or letters of both widths in one word.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from operator import eq

from kitae.data.rules.lexicon import needle_of, word_list

WORD = re.compile(r"(?<![A-Za-z0-9'’\-_.@/#&])[a-z]{4,20}(?![A-Za-z0-9'’\-_@/])")
"""Words that begin small: names and abbreviations are none of these."""
RARE, FREQUENT = 2, 20
"""How often a word occurs that may be a slip, at most, and one that was meant, at least."""
LEAST_SWAPPED, LEAST_LOST, LEAST_EXTRA, LEAST_VOWEL = 5, 7, 8, 8
"""Letters of the word that was meant, by kind: among shorter ones there are too many real words one letter apart."""
_EDGES = ".,;:!?\"'()[]{}*_“”‘’…"
_VOWELS = frozenset("aeiou")
_BRITISH = re.compile(r"ou|ll|[rt]re|[ty]er|ae|oe|dge|e(?=ing|able|ment)")
"""Where the two spellings of English differ by a letter: colour, travelled, centre, anaemia, judgement, ageing."""

_TWICE = ("a", "an", "and", "for", "my", "of", "the", "they", "to", "we", "with", "your")
_TWICE_EN = re.compile(rf"(?i)\b({'|'.join(_TWICE)})\s+\1\b(?![-'’])")
_KATAKANA = "".join(map(chr, range(ord("ァ"), ord("ヶ") + 1))) + "ー"
_PARTICLES = "をがにのはへでと"
_NO_SMALL = "あうえおかくけこさすせそたつてとなぬねのはふへほまむめもらるれろわをん"
_NEVER_AFTER_TSU = "あいうえおなにぬねのらりるれろんをゃゅょ"
_LOOKALIKES = "へべぺ一"


@dataclass(frozen=True)
class SlipJa:
    """A kind of slip in Japanese: its pattern, and the pairs of characters without which it finds nothing."""

    what: str
    pattern: re.Pattern[str]
    needles: frozenset[str]

    @staticmethod
    def of(what: str, pattern: str, needles: Iterable[tuple[str, str]]) -> "SlipJa":
        """A kind of slip."""
        return SlipJa(what, re.compile(pattern), frozenset(one + other for one, other in needles))


SLIPS_JA: tuple[SlipJa, ...] = (
    SlipJa.of(
        "a particle twice",
        rf"をを|(?<=[一-鿿々{_KATAKANA}])([{_PARTICLES}])\1(?=[一-鿿{_KATAKANA}0-9０-９、])",
        zip(_PARTICLES, _PARTICLES, strict=True),
    ),
    SlipJa.of(
        "an ending twice",
        r"(です(?:か|が|ね|よ)?|ました|ません|でしょう|(?:して)?ください|ています|したい|"
        r"(?<=[きしちにびみりいけせてねべめれえげ])ます)\1",
        zip("すかがねよたんういいすす", "でででででまでまくしてま", strict=True),
    ),
    SlipJa.of("kana that do not follow one another", rf"[{_NO_SMALL}][ゃゅょ]", product(_NO_SMALL, "ゃゅょ")),
    SlipJa.of("kana that do not follow one another", rf"っ[{_NEVER_AFTER_TSU}]", product("っ", _NEVER_AFTER_TSU)),
    SlipJa.of(
        "kana that do not follow one another", r"を[ぁぃぅぇぉゃゅょっー]", product("を", "ぁぃぅぇぉゃゅょっー")
    ),
    SlipJa.of("kana that do not follow one another", r"んん(?=[か-ん一-鿿])", [("ん", "ん")]),
    SlipJa.of("って twice", r"って(?:って)+", [("て", "っ")]),
    SlipJa.of(
        "a letter of another script",
        rf"(?<=[{_KATAKANA}])[{_LOOKALIKES}](?=[{_KATAKANA}])",
        product(_KATAKANA, _LOOKALIKES),
    ),
    SlipJa.of(
        "stops that do not follow one another",
        r"[、，]。(?!。)|。[、，]",
        [*product("、，", "。"), *product("。", "、，")],
    ),
)
_NEEDLES_JA = frozenset().union(*(slip.needles for slip in SLIPS_JA))
_WIDE = re.compile(r"[０-９Ａ-Ｚａ-ｚ]")
_WIDTHS = re.compile(r"[０-９][0-9]|[0-9][０-９]|[Ａ-Ｚａ-ｚ][A-Za-z]|[A-Za-z][Ａ-Ｚａ-ｚ]")


@lru_cache(maxsize=1)
def typo_needles() -> frozenset[str]:
    """The needles to look for."""
    return _NEEDLES_JA.union(_known())


def slips(text: str, words: Sequence[str], found: frozenset[str], learnt: Mapping[str, str]) -> Iterator[str]:
    """Each suspected slip of a text, as a phrase for people.

    `words` are the English words of the text in lower case, `found` the needles that occur in it (see `seen`), and
    `learnt` what `learnt_slips` gives.
    """
    if learnt and not learnt.keys().isdisjoint(words):
        for word in sorted((learnt.keys() & words).intersection(WORD.findall(text))):
            yield f"'{word}' for '{learnt[word]}'"
    if any(map(eq, words, words[1:])):
        yield from (f"'{hit.group()}'" for hit in _TWICE_EN.finditer(text))
    if not found.isdisjoint(_known_needles()):
        yield from _known_slips(text, found)
    if not found.isdisjoint(_NEEDLES_JA):
        for slip in SLIPS_JA:
            if not found.isdisjoint(slip.needles):
                yield from (f"{slip.what}: {hit.group()}" for hit in slip.pattern.finditer(text))
    if not text.isascii() and _WIDE.search(text):
        yield from (f"both widths: {hit.group()}" for hit in _WIDTHS.finditer(text))


def learnt_slips(counts: Mapping[str, int]) -> dict[str, str]:
    """Rare words that are probably slips, with the frequent word that was probably meant, from counts of `WORD`s."""
    frequent = {word for word, count in counts.items() if count >= FREQUENT}
    shortened = defaultdict(set)
    for word in frequent:
        for short in _without_one(word):
            shortened[short].add(word)
    out = {}
    for word, count in counts.items():
        if count > RARE:
            continue
        near = {meant for short in (word, *_without_one(word)) for meant in shortened.get(short, ())}
        near |= frequent.intersection(_without_one(word))
        meant = [one for one in near if _is_slip(word, one)]
        if meant:
            out[word] = min(meant, key=lambda one: (-counts[one], one))
    return dict(sorted(out.items()))


def words_of(tokens: Mapping[str, int]) -> dict[str, int]:
    """Counts of `WORD`s from counts of what stands between spaces: splitting is far quicker than searching."""
    counts: dict[str, int] = defaultdict(int)
    for token, count in tokens.items():
        word = token.strip(_EDGES)
        if WORD.fullmatch(word):
            counts[word] += count
    return counts


@lru_cache(maxsize=1)
def _known_needles() -> frozenset[str]:
    return frozenset(_known())


@lru_cache(maxsize=1)
def _known() -> Mapping[str, Mapping[str, str]]:
    """Needle to the known slips that begin so, with what was meant."""
    raw = word_list("typos")
    out: dict[str, dict[str, str]] = defaultdict(dict)
    for wrong, right in {**raw["english"], **raw["japanese"]}.items():
        out[needle_of(wrong)][wrong] = right
    return out


def _known_slips(text: str, found: frozenset[str]) -> Iterator[str]:
    lower = text.lower()
    for needle in sorted(found & _known_needles()):
        for wrong, right in _known()[needle].items():
            if wrong in lower and (not wrong.isascii() or re.search(rf"(?<![a-z]){wrong}(?![a-z])", lower)):
                yield f"'{wrong}' for '{right}'"


def _without_one(word: str) -> set[str]:
    return {word[:at] + word[at + 1 :] for at in range(len(word))}


def _is_slip(word: str, meant: str) -> bool:
    """Whether a word differs from the one that was meant as slips do, inside and not at an end.

    Ends are where the forms of a word differ (card, cards, carded), beginnings where words rhyme.
    """
    at = next(place for place in range(len(word) + 1) if word[place : place + 1] != meant[place : place + 1])
    if at == 0 or at >= min(len(word), len(meant)) - 1:
        return False
    around = word[max(0, at - 1) : at + 3], meant[max(0, at - 1) : at + 3]
    if any(_BRITISH.search(piece) for piece in around):
        return False
    mine, other = word[at:], meant[at:]
    if mine[1:] == other and len(meant) >= LEAST_EXTRA - 1:
        return len(word) > LEAST_EXTRA
    if mine == other[1:]:
        return len(meant) >= LEAST_LOST
    if mine[2:] == other[2:] and mine[:2] == other[1::-1]:
        return len(meant) >= LEAST_SWAPPED
    return mine[1:] == other[1:] and len(meant) >= LEAST_VOWEL and {mine[0], other[0]} <= _VOWELS
