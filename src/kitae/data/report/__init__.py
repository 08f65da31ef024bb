"""The data report: a tally of what became of the records, its figures, and the page that shows them."""

from kitae.data.report.figures import dataset_report, prepare_notes
from kitae.data.report.page import report_page
from kitae.data.report.tally import Tally, tally_of

__all__ = ["Tally", "dataset_report", "prepare_notes", "report_page", "tally_of"]
