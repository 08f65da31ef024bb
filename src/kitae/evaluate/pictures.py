"""Pictures as inline SVG, drawn from numbers alone.

They are drawn here and not by a chart library, because a library lays labels out by the fonts of the machine (the same
chart has other bytes elsewhere), and because these follow the page: its language switch, light and dark, and print.
Text stands in the page around a picture, so that it wraps, is read aloud, and exists in both languages.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

CURVE = (720.0, 240.0)
"""Width and height of the loss curve's plane."""
MARGIN = (44.0, 10.0, 10.0, 26.0)
"""Left, right, top, bottom."""
MOST_POINTS = 300
"""Longer curves are averaged down to so many points."""


def bar(system: str, value: float, low: float | None = None, high: float | None = None) -> Markup:
    """A share from 0 to 1 as a bar over the full width, with its interval as a whisker where it has one."""
    grid = "".join(f'<line class="grid" x1="{x}" x2="{x}" y1="0" y2="24"/>' for x in (25, 50, 75))
    whisker = "" if low is None or high is None else _whisker(100 * low, 100 * high)
    return Markup(  # noqa: S704 - numbers and one of our own names
        '<svg class="bar" viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="track" width="100" height="24"/>{grid}'
        f'<rect class="fill-{system}" y="4" width="{_n(100 * value)}" height="16"/>'
        f"{whisker}</svg>"
    )


def gap(difference: float, low: float | None, high: float | None, *, reach: float) -> Markup:
    """A difference with its interval on a line from -`reach` to +`reach`, zero in the middle; None is no end."""
    low, high = (-reach if low is None else low), (reach if high is None else high)

    def place(value: float) -> float:
        return 50 + 50 * value / reach

    return Markup(  # noqa: S704 - numbers only
        '<svg class="bar" viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" width="100" height="24"/><line class="zero" x1="50" x2="50" y1="0" y2="24"/>'
        f"{_whisker(place(low), place(high))}"
        f'<line class="dot" x1="{_n(place(difference))}" x2="{_n(place(difference))}" y1="12" y2="12"/></svg>'
    )


def calibration(bins: Sequence[Mapping[str, Any]]) -> Markup:
    """Probability (right) against the share that was right (up) by tenths, with intervals and the diagonal."""
    size, edge, far = 240.0, 32.0, 16.0  # the figures of the axes stand in the edge and, half of the last, beyond it
    side = size - edge - far

    def place(sure: float, right: float) -> tuple[str, str]:
        return _n(edge + side * sure), _n(far + side * (1 - right))

    parts = []
    for tick in (0.0, 0.5, 1.0):
        (x, y), (left, top), (right, low) = place(tick, tick), place(0, 1), place(1, 0)
        parts.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{y}" y2="{y}"/>')
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{top}" y2="{low}"/>')
        parts.append(f'<text x="{_n(edge - 6)}" y="{_n(float(y) + 4)}" text-anchor="end">{100 * tick:.0f}</text>')
        parts.append(f'<text x="{x}" y="{_n(size - 8)}" text-anchor="middle">{100 * tick:.0f}</text>')
    (x1, y1), (x2, y2) = place(0, 0), place(1, 1)
    parts.append(f'<line class="zero" x1="{x1}" x2="{x2}" y1="{y1}" y2="{y2}"/>')
    for one in bins:
        (x, y), (_, low), (_, high) = (place(one["sure"], end) for end in (one["right"], *one["interval"]))
        parts.append(f'<line class="whisker" x1="{x}" x2="{x}" y1="{low}" y2="{high}"/>')
        parts.append(f'<circle class="dot-validation" cx="{x}" cy="{y}" r="4"/>')
    return Markup(  # noqa: S704 - numbers only
        f'<svg class="square" viewBox="0 0 {size:.0f} {size:.0f}" aria-hidden="true">{"".join(parts)}</svg>'
    )


def scatter(points: Mapping[str, tuple[float, float]]) -> Markup | None:
    """Systems by a positive amount (right, on a scale of powers of ten) and a share (up); None for fewer than two."""
    points = {name: point for name, point in points.items() if point[0] > 0}
    if len(points) < 2:
        return None
    width, height = CURVE
    left, right, top, bottom = MARGIN
    logs = [math.log10(amount) for amount, _ in points.values()]
    low, high = math.floor(min(logs)), math.ceil(max(logs) + 1e-9)

    def place(log: float, share: float) -> tuple[float, float]:
        return left + (width - left - right) * (log - low) / (high - low), top + (height - top - bottom) * (1 - share)

    parts = [_tick_y(100 * share, *place(low, share)) for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    parts += [_tick_x(10.0**power, *place(power, 0.0)) for power in range(low, high + 1)]
    for name, (amount, share) in points.items():
        x, y = place(math.log10(amount), min(max(share, 0.0), 1.0))
        anchor = "end" if x > width / 2 else "start"
        parts.append(f'<circle class="dot-validation" cx="{_n(x)}" cy="{_n(y)}" r="5"/>')
        step = -9 if anchor == "end" else 9
        parts.append(f'<text x="{_n(x + step)}" y="{_n(y + 4)}" text-anchor="{anchor}">{escape(name)}</text>')
    return Markup(  # noqa: S704 - numbers, and names that are escaped
        f'<svg class="curve" viewBox="0 0 {width:.0f} {height:.0f}" aria-hidden="true">{"".join(parts)}</svg>'
    )


def heat(rows: int, total: int) -> str:
    """The class of a cell of the confusion matrix: its share of the row in tenths, 0 only for none."""
    return f"h{math.ceil(10 * rows / total) if total else 0}"


def reach_of(against: Mapping[str, Mapping[str, Any]]) -> float:
    """A round reach that holds every interval of these comparisons, as far as they have ends."""
    ends = [abs(one[key]) for one in against.values() for key in ("low", "high") if one[key] is not None]
    widest = max(ends, default=0.0)
    if widest <= 1.0:
        return next((step for step in (0.05, 0.1, 0.2, 0.3, 0.5) if widest <= step), 1.0)
    power = 10.0 ** math.floor(math.log10(widest))
    return next(step * power for step in (1.0, 2.0, 5.0, 10.0) if widest <= step * power * (1 + 1e-9))


def loss_curve(history: Sequence[Mapping[str, Any]]) -> Markup | None:
    """Training and validation loss by step, or None when there is nothing to draw."""
    train = _points(history, "loss")
    validation = _points(history, "validation_loss")
    every = [*train, *validation]
    if len(every) < 2:
        return None
    width, height = CURVE
    left, right, top, bottom = MARGIN
    last = max(step for step, _ in every) or 1.0
    most = _ceiling([loss for _, loss in every])

    def place(point: tuple[float, float]) -> tuple[float, float]:
        step, loss = point
        return left + (width - left - right) * step / last, top + (height - top - bottom) * (1 - min(loss, most) / most)

    lines = [_tick_y(loss, *place((0, loss))) for loss in _ticks(most)]
    lines += [_tick_x(step, *place((step, 0))) for step in _ticks(last)]
    dots = "".join(
        f'<circle class="dot-validation" cx="{_n(x)}" cy="{_n(y)}" r="3"/>' for x, y in map(place, validation)
    )
    return Markup(  # noqa: S704 - numbers only
        f'<svg class="curve" viewBox="0 0 {width:.0f} {height:.0f}" aria-hidden="true">{"".join(lines)}'
        f'<polyline class="line-train" points="{_polyline(map(place, train))}"/>'
        f'<polyline class="line-validation" points="{_polyline(map(place, validation))}"/>{dots}</svg>'
    )


def _points(history: Sequence[Mapping[str, Any]], key: str) -> list[tuple[float, float]]:
    """Step and loss of the rows that have one, averaged down when they are many; numbers that are none are left out."""
    found = [(float(row["step"]), float(row[key])) for row in history if key in row and row[key] is not None]
    found = [point for point in found if all(map(math.isfinite, point))]
    size = math.ceil(len(found) / MOST_POINTS) or 1
    groups = [found[start : start + size] for start in range(0, len(found), size)]
    return [
        (sum(step for step, _ in group) / len(group), sum(loss for _, loss in group) / len(group)) for group in groups
    ]


def _ceiling(losses: Sequence[float]) -> float:
    """The top of the curve: the highest loss."""
    return max(*losses, 1e-9) * 1.05


def _ticks(most: float) -> list[float]:
    """Four to eight round numbers from 0 up to `most`."""
    power = 10.0 ** math.floor(math.log10(most))
    step = next(size * power for size in (0.1, 0.2, 0.25, 0.5, 1, 2) if most / (size * power) <= 8)
    return [step * index for index in range(int(most / step + 1e-9) + 1)]


def _tick_y(value: float, x: float, y: float) -> str:
    end = CURVE[0] - MARGIN[1]
    return (
        f'<line class="grid" x1="{_n(x)}" x2="{_n(end)}" y1="{_n(y)}" y2="{_n(y)}"/>'
        f'<text x="{_n(x - 6)}" y="{_n(y + 4)}" text-anchor="end">{value:g}</text>'
    )


def _tick_x(value: float, x: float, y: float) -> str:
    return f'<text x="{_n(x)}" y="{_n(y + 18)}" text-anchor="middle">{value:g}</text>'


def _whisker(low: float, high: float) -> str:
    lines = [(low, high, 12, 12), (low, low, 7, 17), (high, high, 7, 17)]
    return "".join(
        f'<line class="{kind}" x1="{_n(x1)}" x2="{_n(x2)}" y1="{y1}" y2="{y2}"/>'
        for kind in ("halo", "whisker")
        for x1, x2, y1, y2 in lines
    )


def _polyline(points: Any) -> str:
    return " ".join(f"{_n(x)},{_n(y)}" for x, y in points)


def _n(value: float) -> str:
    """A coordinate, short and the same everywhere."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
