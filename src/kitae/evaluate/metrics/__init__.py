"""Metrics by name. METRICS is the table; `base` says what a metric is, `core.metric_names` which way is better."""

from collections.abc import Callable, Mapping, Sequence

from kitae.core.metric_names import metric_name
from kitae.evaluate.metrics.base import Array, Embed, Given, Metric, Questions, ratio
from kitae.evaluate.metrics.form import FORM_METRICS
from kitae.evaluate.metrics.labels import LABEL_METRICS
from kitae.evaluate.metrics.numeric import NUMERIC_METRICS
from kitae.evaluate.metrics.overlap import OVERLAP_METRICS
from kitae.evaluate.metrics.similarity import SIMILARITY_METRICS
from kitae.evaluate.metrics.translation import TRANSLATION_METRICS

__all__ = ["METRICS", "Array", "Embed", "Given", "Metric", "Questions", "metric_family", "metrics_for", "ratio"]

METRICS: Mapping[str, Callable[[Questions], list[Metric]]] = {
    **OVERLAP_METRICS,
    **LABEL_METRICS,
    **TRANSLATION_METRICS,
    **NUMERIC_METRICS,
    **FORM_METRICS,
    **SIMILARITY_METRICS,
}


def metric_family(name: str) -> Callable[[Questions], list[Metric]]:
    """What makes the metrics of a name for a set. Raises `UnknownName`."""
    metric_name(name)
    return METRICS[name]


def metrics_for(names: Sequence[str], questions: Questions) -> list[Metric]:
    """Every metric of these names that the rows allow, in order; a name may give one figure a language."""
    return [metric for name in names for metric in metric_family(name)(questions)]
