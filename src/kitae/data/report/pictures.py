"""Pictures as inline SVG, drawn from numbers alone; the text stands in the page around them (decision 0008)."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

COLUMNS = (400.0, 150.0)
"""Width and height of a histogram's plane."""
_BASE, _TOP = 24.0, 6.0
_OPEN = '<svg class="bar" viewBox="0 0 100 20" preserveAspectRatio="none" aria-hidden="true">'


def stack(parts: Mapping[str, int], total: int) -> Markup:
    """Counts by kind side by side as one bar over the full width; `total` fills it."""
    at, pieces = 0.0, []
    for kind, count in parts.items():
        width = 100 * count / total if total else 0.0
        pieces.append(f'<rect class="{kind}" x="{_n(at)}" width="{_n(width)}" height="20"/>')
        at += width
    return Markup(f'{_OPEN}<rect class="track" width="100" height="20"/>{"".join(pieces)}</svg>')  # noqa: S704 - numbers and our own names


def pair(before: int, after: int, most: int) -> Markup:
    """How many there were, and on it how many stayed; `most` fills the width."""
    was, now = (100 * count / most if most else 0.0 for count in (before, after))
    return Markup(  # noqa: S704 - numbers only
        f'{_OPEN}<rect class="track" width="100" height="20"/>'
        f'<rect class="before" y="3" width="{_n(was)}" height="14"/>'
        f'<rect class="kept" y="3" width="{_n(now)}" height="14"/></svg>'
    )


def columns(before: Mapping[str, int], after: Mapping[str, int]) -> Markup:
    """A histogram: for each class how many there were and how many stayed, with the name of the class below."""
    width, height = COLUMNS
    most = max(before.values(), default=0) or 1
    step = width / max(1, len(before))
    tall = height - _BASE - _TOP
    pieces = []
    for place, (name, was) in enumerate(before.items()):
        left, now = place * step, after.get(name, 0)
        for kind, count in (("before", was), ("kept", now)):
            size = tall * count / most
            pieces.append(
                f'<rect class="{kind}" x="{_n(left + 0.12 * step)}" y="{_n(height - _BASE - size)}" '
                f'width="{_n(0.76 * step)}" height="{_n(size)}"/>'
            )
        pieces.append(f'<text x="{_n(left + step / 2)}" y="{_n(height - 7)}" text-anchor="middle">{name}</text>')
    line = f'<line class="zero" x1="0" x2="{_n(width)}" y1="{_n(height - _BASE)}" y2="{_n(height - _BASE)}"/>'
    return Markup(  # noqa: S704 - numbers, and names of classes that are ours
        f'<svg class="columns" viewBox="0 0 {_n(width)} {_n(height)}" aria-hidden="true">{"".join(pieces)}{line}</svg>'
    )


def feeling(counts: Sequence[int], reach: float) -> Markup:
    """Shares of negative scores to the left of the middle and of positive ones to the right, the strong ones outside.

    `counts` go from the lowest score to the highest with the neutral ones in the middle; a share of `reach` fills a
    side.
    """
    total, middle = sum(counts) or 1, len(counts) // 2
    mild = (sum(counts[middle - 1 : middle]), sum(counts[middle + 1 : middle + 2]))
    strong = (sum(counts[: middle - 1]), sum(counts[middle + 2 :]))
    pieces = []
    for side, name in ((-1, "negative"), (1, "positive")):
        place = 0 if side < 0 else 1
        near, far = (50 * count[place] / total / reach for count in (mild, strong))
        for kind, begin, size in (("mild", 0.0, near), ("strong", near, far)):
            left = 50 + begin if side > 0 else 50 - begin - size
            pieces.append(f'<rect class="{name} {kind}" x="{_n(left)}" y="3" width="{_n(size)}" height="14"/>')
    return Markup(  # noqa: S704 - numbers only
        f'{_OPEN}<rect class="track" width="100" height="20"/>{"".join(pieces)}'
        '<line class="zero" x1="50" x2="50" y1="0" y2="20"/></svg>'
    )


def reach_of(sources: Sequence[Sequence[int]]) -> float:
    """A round share that holds one side of every source's picture."""
    widest = 0.0
    for counts in sources:
        middle, total = len(counts) // 2, sum(counts) or 1
        widest = max(widest, sum(counts[:middle]) / total, sum(counts[middle + 1 :]) / total)
    return next((step for step in (0.05, 0.1, 0.2, 0.3, 0.5) if widest <= step), 1.0)


def _n(value: float) -> str:
    """A coordinate, short and the same everywhere."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
