"""Numbers drawn from a keyed hash of a value: the same value gives the same numbers, and nobody finds the way back."""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Sequence

from kitae.data.privacy.findings import narrow


class Keyed:
    """Draws for values (HMAC-SHA-256, RFC 2104). Small and picklable; the key never leaves the process."""

    def __init__(self, key: bytes, salt: str = "") -> None:
        """Take the key; a salt gives other draws for the same values."""
        self._key = key
        self._salt = salt

    def within(self, whole: str) -> "Keyed":
        """Draws of its own for everything inside a conversation or another whole."""
        return Keyed(self._mac("within", whole))

    def salted(self, salt: int) -> "Keyed":
        """Other draws under the same key; 0 gives the same ones."""
        return Keyed(self._key, f"{self._salt}{salt}\0") if salt else self

    def number(self, purpose: str, value: str) -> int:
        """A whole number of 64 bits for a value and what it is drawn for."""
        return int.from_bytes(self._mac(self._salt + purpose, value)[:8], "big")

    def short(self, kind: str, value: str) -> str:
        """Eight hex characters that tell equal values apart from others in the history, and tell no more."""
        return self._mac("digest " + kind, same(value)).hex()[:8]

    def pick(self, purpose: str, value: str, choices: Sequence[str]) -> str:
        """One of the choices, never the value itself."""
        rest = [choice for choice in choices if choice != value]
        return rest[self.number(purpose, value) % len(rest)]

    def digits(self, purpose: str, value: str, count: int) -> str:
        """So many digits."""
        return str(self.number(purpose, value) % 10**count).zfill(count) if count else ""

    def _mac(self, purpose: str, value: str) -> bytes:
        return hmac.digest(self._key, f"{purpose}\0{value}".encode(errors="surrogatepass"), hashlib.sha256().name)


def same(value: str) -> str:
    """Values that differ only in width, case, spaces and hyphens are the same value."""
    return re.sub(r"[\s\-()]", "", narrow(unicodedata.normalize("NFKC", value))).casefold()
