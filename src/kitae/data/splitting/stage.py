"""The third stage: training, validation and test, such that nothing in one is known from another.

Records that ask the same, or nearly the same, and records of one group form a cluster, and a cluster is never cut. All
answers of a conversation are trained, so one that asks on its way what another asks in the end belongs to it, too. A
record that was made from another stays with it.
"""

from typing import Any

from kitae.core.artifacts import Dataset, Split
from kitae.core.data_settings import SplitSettings
from kitae.core.files import write_json
from kitae.core.workspace import Draft, Workspace
from kitae.data.making import made_by
from kitae.data.splitting.blocks import blocks_of
from kitae.data.splitting.checks import check_split
from kitae.data.splitting.columns import read_columns, stratified_by
from kitae.data.splitting.drawing import draw
from kitae.data.splitting.report import report_of, tell
from kitae.data.splitting.writing import write_sides


def split(dataset: Dataset, *, settings: SplitSettings, seed: int, out: Workspace) -> Split:
    """Write `train.jsonl`, `validation.jsonl`, `test.jsonl`, `dropped.jsonl`, and the proof in `report.json`.

    Splits that the data itself states (`use`) are kept; those it lacks are carved from its training rows. Raises
    `NothingToLearn` when no row is left for training, `RecipeError` for a column that does not exist, for settings
    that contradict each other and for folds that the data cannot have.
    """
    check_split(settings)

    def build(draft: Draft) -> None:
        """Draw the sides and write every file of the split."""
        facts: dict[str, Any] = dataset.json("report.json")
        records, task, near = dataset.file("records.jsonl"), facts["task"], facts["near"]
        columns = read_columns(records, settings, task=task, near=near, scratch=draft.scratch)
        compared = draft.scratch / "compared"
        blocks = blocks_of(columns, seed=seed, near=near, scratch=compared, progress=draft.stage.progress)
        drawn = draw(columns, blocks, settings)
        report = report_of(columns, blocks, drawn, settings, over=stratified_by(settings, task))
        write_sides(records, blocks, drawn, draft)
        write_json(draft.file("report.json"), report)
        tell(report, draft)

    made_from = {"split": settings.plain(), "seed": seed, **made_by()}
    return out.make(Split, parents={"dataset": dataset.digest}, settings=made_from, build=build)
