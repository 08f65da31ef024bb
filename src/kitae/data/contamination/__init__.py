"""Contamination: what training records hold of benchmarks that are to measure the model.

`Benchmarks` finds and reads the benchmarks of a recipe once; `contamination_edits` is a pure function of records and
their index; `compare_files` does the same for files without a recipe.
"""

from kitae.data.contamination.benchmarks import check_benchmarks
from kitae.data.contamination.checking import RULE, TRAINED, contamination_edits, held_kind
from kitae.data.contamination.files import compare_files
from kitae.data.contamination.index import Index
from kitae.data.contamination.page import contamination_page
from kitae.data.contamination.stage import Benchmarks
from kitae.data.contamination.storing import open_index, save_index

__all__ = [
    "RULE",
    "TRAINED",
    "Benchmarks",
    "Index",
    "check_benchmarks",
    "compare_files",
    "contamination_edits",
    "contamination_page",
    "held_kind",
    "open_index",
    "save_index",
]
