"""The tree of errors: each says what is wrong, what was got, what is known, and the next step.

Exit codes of the command line follow the class: 1 the work failed, 2 wrong input, 3 a gate refused,
75 interrupted: run it again (EX_TEMPFAIL of sysexits, which schedulers put back into their queue).
"""

import difflib
from collections.abc import Iterable


class KitaeError(Exception):
    """Base of every error that kitae raises on purpose."""

    exit_code = 1

    def __init__(self, what: str, *, got: object = None, known: Iterable[str] = (), hint: str = "") -> None:
        """Keep the parts apart, so that doors (terminal, web, JSON) can show them their own way."""
        self.what = what
        self.got = got
        self.known = tuple(known)
        self.hint = hint
        super().__init__(self.sentence())

    def __reduce__(self) -> tuple[object, ...]:
        """Errors travel from worker processes to the one that waits for them; they are rebuilt from their parts."""
        return _rebuilt, (type(self), self.__dict__.copy(), self.args)

    def sentence(self) -> str:
        """The whole message: what, got, known values, next step."""
        parts = [_ended(self.what)]
        if self.got is not None:
            parts.append(f"Got: {self.got}.")
        if self.known:
            parts.append(f"Known: {', '.join(self.known)}.")
        if self.hint:
            parts.append(_ended(self.hint))
        return " ".join(parts)

    def as_json(self) -> dict[str, object]:
        """The error as plain values for `--json` and the web."""
        return {
            "error": type(self).__name__,
            "what": self.what,
            "got": None if self.got is None else str(self.got),
            "known": list(self.known),
            "next": self.hint,
            "exit_code": self.exit_code,
        }


def _rebuilt(cls: type[KitaeError], parts: dict[str, object], args: tuple[object, ...]) -> KitaeError:
    error = cls.__new__(cls, *args)
    error.__dict__.update(parts)
    return error


def _ended(text: str) -> str:
    """The text with one mark at its end."""
    return text if text.endswith(("?", "!")) else text.rstrip(".") + "."


class InputError(KitaeError, ValueError):
    """The user's input is wrong: recipe, file, name or place."""

    exit_code = 2


class UnknownName(InputError):
    """A name that is in no table; offers the nearest known one."""

    def __init__(self, kind: str, *, got: str, known: Iterable[str], hint: str = "") -> None:
        """Take what kind of thing was named, the name given and the names there are."""
        names = sorted(known)
        near = difflib.get_close_matches(got, names, n=1, cutoff=0.6)
        guess = f"Did you mean '{near[0]}'?" if near else ""
        super().__init__(f"unknown {kind} '{got}'", known=names, hint=" ".join(part for part in (guess, hint) if part))


class RecipeError(InputError):
    """The recipe cannot be read or contradicts itself."""


class SourceError(InputError):
    """A raw file is missing, empty, binary or holds nothing that can be used."""


class BaseError(InputError):
    """The base model cannot be found, opened or used."""


class NothingToLearn(InputError):
    """No token of the training data would be trained."""


class WillNotFit(InputError):
    """The plan needs more memory or disk than the machine has."""


class DiskFull(InputError):
    """The disk has no room for what must be written; what was finished stays."""


class WorkspaceBusy(InputError):
    """Another run is working in this workspace."""


class DamagedArtifact(KitaeError):
    """A finished artifact does not match its manifest any more."""


class TrainingDiverged(KitaeError):
    """The loss became NaN, or exploded, more often than the guard allows."""


class Interrupted(KitaeError):
    """A stop signal came; what was done is saved and the same command goes on from there."""

    exit_code = 75


class GateRefused(KitaeError):
    """The result did not pass the gates of the recipe."""

    exit_code = 3


class PolicyRefused(GateRefused):
    """Records whose terms breach the policy of the recipe, which refuses a run that has any.

    `offenders` are the first of them as plain values; `listing` is the file with all of them.
    """

    def __init__(self, what: str, *, offenders: Iterable[dict[str, object]], listing: str, hint: str = "") -> None:
        """Take the first offenders beside what every error has."""
        self.offenders = list(offenders)
        self.listing = listing
        super().__init__(what, hint=hint)

    def as_json(self) -> dict[str, object]:
        """The error with its offenders."""
        return {**super().as_json(), "offenders": self.offenders, "listing": self.listing}
