"""The card of a version: what people and programs see of it. Plain values, no database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kitae.core.papers import erased_sentence
from kitae.errors import GateRefused, InputError

CANDIDATE = "candidate"
REFUSED = "refused"


@dataclass(frozen=True)
class Step:
    """One thing a version was made from: its kind, its digest, and its folder where this workspace has it.

    `erasures` names those that took something out of it, which is why it is not there; `parents` maps what it was made
    from itself to digests.
    """

    kind: str
    digest: str
    folder: Path | None = None
    erasures: tuple[str, ...] = ()
    parents: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class VersionCard:
    """A registered version with its verdict, its gates and everything it was made from.

    `gates` are plain values with `name`, `passed`, `wanted`, `got` and `reason`; `figures` holds the verdict's figures
    by held-out set; `steps` go from raw files to verdict. `saw_erased` counts records that its training learnt from and
    that were erased since, `measured_on_erased` those that its verdict was measured on.
    """

    name: str
    number: int
    status: str
    base: str
    digest: str
    sentence: str
    gates: tuple[Mapping[str, Any], ...]
    figures: Mapping[str, Any]
    steps: tuple[Step, ...]
    created_at: str
    saw_erased: int = 0
    measured_on_erased: int = 0

    @property
    def reference(self) -> str:
        """`support-faq:1`, as commands take it."""
        return f"{self.name}:{self.number}"

    @property
    def lineage(self) -> dict[str, str]:
        """Kind to digest, from raw files to verdict."""
        return {step.kind: step.digest for step in self.steps}

    @property
    def adapter_folder(self) -> Path:
        """The plain PEFT adapter. Raises `InputError` when this workspace no longer has it."""
        return self._folder("adapter") / "adapter"

    @property
    def report(self) -> Path:
        """The HTML report of the verdict. Raises `InputError` when this workspace no longer has it."""
        return self._folder("verdict") / "report.html"

    @property
    def refusals(self) -> list[str]:
        """The reasons of the gates that did not pass."""
        return [str(gate["reason"]) for gate in self.gates if not gate["passed"]]

    @property
    def warnings(self) -> list[str]:
        """What who uses it should know, a sentence each."""
        said = []
        if self.saw_erased:
            said.append(f"saw erased records ({self.saw_erased:,}), retrain")
        if self.measured_on_erased:
            said.append(f"was measured on records erased since ({self.measured_on_erased:,})")
        return said

    @property
    def erased(self) -> dict[str, tuple[str, ...]]:
        """What it was made from and is erased: kind to the erasures."""
        return {step.kind: step.erasures for step in self.steps if step.erasures and step.folder is None}

    def as_dict(self) -> dict[str, Any]:
        """The card as JSON-ready values; folders that are gone are null."""
        folders = {step.kind: step.folder for step in self.steps}
        adapter, verdict = folders.get("adapter"), folders.get("verdict")
        return {
            "version": self.reference,
            "name": self.name,
            "number": self.number,
            "status": self.status,
            "base": self.base,
            "digest": self.digest,
            "sentence": self.sentence,
            "gates": [dict(gate) for gate in self.gates],
            "figures": dict(self.figures),
            "lineage": self.lineage,
            "parents": {step.kind: dict(step.parents) for step in self.steps if step.parents},
            "adapter": None if adapter is None else str(adapter / "adapter"),
            "report": None if verdict is None else str(verdict / "report.html"),
            "created_at": self.created_at,
            "saw_erased": self.saw_erased,
            "measured_on_erased": self.measured_on_erased,
            "erased": {kind: list(erasures) for kind, erasures in self.erased.items()},
        }

    def _folder(self, kind: str) -> Path:
        folder = next((step.folder for step in self.steps if step.kind == kind), None)
        if folder is None and kind in self.erased:
            raise InputError(f"the {kind} of {self.reference} was {erased_sentence(self.erased[kind])}")
        if folder is None:
            raise InputError(
                f"the {kind} of {self.reference} is not in this workspace any more",
                got=self.lineage.get(kind, "")[:12],
                hint="`kitae run RECIPE` makes it again; the version keeps its number",
            )
        return folder


def enforce(card: VersionCard) -> None:
    """Raise `GateRefused` with every reason when the version was refused."""
    if card.status == REFUSED:
        raise GateRefused(
            f"{card.reference} did not pass its gates: {'; '.join(card.refusals)}",
            hint="Change the data, the method or the gates, and run the recipe again; the version stays as it is",
        )
