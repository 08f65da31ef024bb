"""Train: plan + split -> adapter. Importing this loads no torch; the first training does."""

from kitae.core.artifacts import Adapter, Split
from kitae.core.resolved import Resolved
from kitae.core.workspace import Workspace

__all__ = ["run"]


def run(split: Split, *, settings: Resolved, out: Workspace) -> Adapter:
    """Train an adapter on the split, or find it again; see `kitae.train.stage.run`."""
    from kitae.train import stage

    return stage.run(split, settings=settings, out=out)
