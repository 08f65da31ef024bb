"""Quotes: whether a text repeats what only erased records said, however it was escaped, cut or masked.

What is looked for are pieces of twelve letters of the erased texts, and shorter texts as a whole, as far as no record
that stays has them: a phrase that others use as well is nobody's. Spaces, punctuation, case and markup do not count.
"""

import html
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator

from kitae.core.records import Record
from kitae.core.text import is_japanese
from kitae.data.privacy.redaction import masked

PIECE = 12
"""Letters and digits of a piece."""
LEAST_JAPANESE, LEAST_OTHER = 4, 8
"""Shorter texts are not looked for: they would be found everywhere."""
MOST_PIECES = 1_000_000
"""With more pieces than this, whatever may hold a quote is taken to hold one: the memory to find out would be large."""

_UNICODE = re.compile(r"\\u([0-9a-fA-F]{4})")
_ESCAPES = re.compile(r'\\[nrtbf"\\/]')
_NO_LETTER = re.compile(r"[\W_]+")


class Quotes:
    """Pieces of erased texts, by their length."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Take the erased texts."""
        self._pieces: dict[int, set[str]] = defaultdict(set)
        self.everything = False
        for text in texts:
            self._add(bare(text))
            self._add(bare(masked(text)))
            if sum(map(len, self._pieces.values())) > MOST_PIECES:
                self.everything = True
                self._pieces.clear()
                return

    def names(self, ids: Iterable[str]) -> None:
        """Look for the ids of the erased records as well."""
        if not self.everything:
            for name in filter(None, ids):
                self._pieces[len(bare(name))].add(bare(name))

    def forget(self, text: str) -> None:
        """Look no more for pieces that a text which stays has as well."""
        text = bare(text)
        for size, pieces in self._pieces.items():
            pieces.difference_update(_cuts(text, size))

    def found_in(self, text: str) -> bool:
        """Whether a text, as it stands in a file of any kind, repeats anything that was erased."""
        if self.everything:
            return True
        text = bare(unescaped(text))
        return any(
            not pieces.isdisjoint(_cuts(text, size)) for size, pieces in self._pieces.items() if len(text) >= size
        )

    def __bool__(self) -> bool:
        """Whether there is anything to look for."""
        return self.everything or any(self._pieces.values())

    def _add(self, text: str) -> None:
        if len(text) >= PIECE:
            self._pieces[PIECE].update(_cuts(text, PIECE))
        elif len(text) >= (LEAST_JAPANESE if is_japanese(text) else LEAST_OTHER):
            self._pieces[len(text)].add(text)


def texts_of(record: Record) -> Iterator[str]:
    """Everything that a record says, its other columns too."""
    for message in (*record.messages, *record.rejected):
        yield message.content
        yield from strings(list(message.tool_calls))
    yield record.label
    yield from strings(record.meta)


def strings(value: object) -> Iterator[str]:
    """Every text in a JSON-ready value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from strings(item)


def bare(text: str) -> str:
    """Letters and digits only, NFKC, small letters."""
    return _NO_LETTER.sub("", unicodedata.normalize("NFKC", text).casefold())


def unescaped(text: str) -> str:
    """A text of a file without what JSON and HTML write in place of characters."""
    text = _UNICODE.sub(lambda match: chr(int(match[1], 16)), text) if "\\u" in text else text
    text = _ESCAPES.sub(" ", text) if "\\" in text else text
    return html.unescape(text) if "&" in text else text


def _cuts(text: str, size: int) -> Iterator[str]:
    return (text[at : at + size] for at in range(len(text) - size + 1))
