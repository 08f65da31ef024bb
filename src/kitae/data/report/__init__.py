"""The data report: a tally of what became of the records, its figures, and the page that shows them."""

from kitae.data.report.figures import dataset_report, prepare_notes
from kitae.data.report.rendering import report_page
from kitae.data.report.samples import add_samples, mended_samples
from kitae.data.report.tally import Tally, tally_of

__all__ = ["Tally", "add_samples", "dataset_report", "mended_samples", "prepare_notes", "report_page", "tally_of"]
