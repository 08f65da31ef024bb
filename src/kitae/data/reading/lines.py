"""Lines of a text, however long one of them is: what is too long is passed over without being held."""

import io
from collections.abc import Iterator
from dataclasses import dataclass

from kitae.data.reading.rows import QUOTED_HEAD

PIECE = 1 << 20


@dataclass(frozen=True)
class LongLine:
    """A line of more characters than are read: how it begins, and how many it has."""

    head: str
    characters: int

    @property
    def reason(self) -> str:
        """Why it is not read."""
        return too_long(self.characters)


def too_long(characters: int) -> str:
    """The reason why something of so many characters is not read."""
    return f"{characters:,} characters in one row, more than are read (data.sources: read.longest_row_mb)"


def bounded_lines(file: io.TextIOBase, longest: int) -> Iterator[str | LongLine]:
    """Every line with its end; in place of one of more than `longest` characters, how it begins and how long it is."""
    while line := file.readline(longest):
        if len(line) < longest or line.endswith(("\n", "\r")):
            yield line
        else:
            head, characters = line[:QUOTED_HEAD], len(line)
            del line
            yield LongLine(head, characters + _passed_over(file))


def _passed_over(file: io.TextIOBase) -> int:
    """Read on to the end of the line; the number of characters passed over."""
    characters = 0
    while piece := file.readline(PIECE):
        characters += len(piece)
        if piece.endswith(("\n", "\r")):
            break
    return characters
