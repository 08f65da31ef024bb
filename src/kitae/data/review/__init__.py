"""Records that a person should look at: which ones and why, the sheet they are decided on, and the decisions."""

from kitae.data.review.decisions import Decision, read_decisions
from kitae.data.review.sheet import write_sheet
from kitae.data.review.suspects import Findings, Suspect, find_suspects

__all__ = ["Decision", "Findings", "Suspect", "find_suspects", "read_decisions", "write_sheet"]
