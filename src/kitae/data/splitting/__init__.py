"""Splitting: who is trained on, who says when to stop, who measures."""

from kitae.data.splitting.checks import check_split
from kitae.data.splitting.stage import split

__all__ = ["check_split", "split"]
