"""Balance: classes of uneven size are evened out, by weights that training honours or by rows.

A class of n rows among N in K classes is to be seen N * n^T / sum(n^T) times an epoch, so an epoch stays as long as it
was. T is the temperature: 1 changes nothing, 0 makes all classes equal. Source: Conneau et al. 2020
(arXiv:1911.02116), section 3.1, which draws languages in this way.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

from kitae.core.records import Edit, Record
from kitae.core.small_settings import BalanceSettings
from kitae.data.small.steps import Step, classes, counted, draw_of, made_id

WEIGHT_DIGITS = 6


def balance(train: Sequence[Record], *, settings: BalanceSettings, seed: int) -> Step:
    """The training rows evened out. Raises `RecipeError` when no row has what `by` names."""
    names = classes(train, settings.by, "data.balance.by")
    step = WAYS[settings.how](train, names, settings, seed)
    seen: dict[str, float] = defaultdict(float)
    for record, name in zip(step.train, classes(step.train, settings.by, "data.balance.by"), strict=True):
        seen[name] += record.weight
    before = counted(names)
    figures = {
        "by": settings.by,
        "how": settings.how,
        "rows_before": before,
        "rows_after": counted(classes(step.train, settings.by, "data.balance.by")),
        "seen_in_an_epoch": {name: round(times, 2) for name, times in sorted(seen.items())},
    }
    low, high = min(before, key=lambda n: (before[n], n)), max(before, key=lambda n: (before[n], n))
    line = (
        f"balance by {settings.by} ({settings.how}): {len(before)} classes of {before[low]:,} to {before[high]:,} rows "
        f"are seen {min(seen.values()):,.1f} to {max(seen.values()):,.1f} times an epoch"
    )
    return replace(step, figures=figures, lines=[line])


def _weighted(temperature: float | None) -> Callable[[Sequence[Record], Sequence[str], BalanceSettings, int], Step]:
    """Weights at this temperature, or at the recipe's."""

    def weigh(train: Sequence[Record], names: Sequence[str], settings: BalanceSettings, _seed: int) -> Step:
        counts = Counter(names)
        power = settings.temperature if temperature is None else temperature
        total = sum(count**power for count in counts.values())
        wanted = {name: len(names) * count**power / total / count for name, count in counts.items()}
        capped = sorted(name for name, weight in wanted.items() if weight > settings.most)
        rows = []
        for record, name in zip(train, names, strict=True):
            weight = round(record.weight * min(wanted[name], settings.most), WEIGHT_DIGITS)
            edit = Edit(
                "weighted", f"{settings.by} '{name}' has {counts[name]} of {len(names)} rows", {"weight": weight}
            )
            rows.append(record if weight == record.weight else record.with_edit(edit, weight=weight))
        return Step(rows, warnings=_capped(capped, settings))

    return weigh


def _oversample(train: Sequence[Record], names: Sequence[str], settings: BalanceSettings, seed: int) -> Step:
    """Rows of small classes again, each under an id of its own, until the class has the rows it lacks."""
    members = _members(names)
    target = settings.rows or max(map(len, members.values()))
    times = [1] * len(train)
    for rows in members.values():
        room = int(settings.most) * len(rows)
        lacking = max(0, min(target, room) - len(rows))
        order = sorted(rows, key=lambda row: draw_of(seed, "oversample", train[row].id))
        for place in range(lacking):
            times[order[place % len(order)]] += 1
    capped = sorted(name for name, rows in members.items() if target > int(settings.most) * len(rows))
    out = []
    for record, count, name in zip(train, times, names, strict=True):
        out.append(record)
        for copy in range(1, count):
            edit = Edit("oversampled", f"{settings.by} '{name}' has {len(members[name])} rows", {"copy": copy})
            out.append(record.with_edit(edit, id=made_id(record, "oversampled", copy), parent=record.id))
    return Step(out, warnings=_capped(capped, settings))


def _undersample(train: Sequence[Record], names: Sequence[str], settings: BalanceSettings, seed: int) -> Step:
    """Without the rows that a class has too many; which ones is drawn by their ids."""
    members = _members(names)
    target = settings.rows or min(map(len, members.values()))
    gone: set[int] = set()
    for rows in members.values():
        gone |= set(sorted(rows, key=lambda row: draw_of(seed, "undersample", train[row].id))[target:])
    left_out = []
    for row in sorted(gone):
        reason = f"{settings.by} '{names[row]}' has {len(members[names[row]])} rows and {target} are kept"
        left_out.append(train[row].with_edit(Edit("undersampled", reason)))
    return Step([record for row, record in enumerate(train) if row not in gone], left_out)


def _members(names: Sequence[str]) -> dict[str, list[int]]:
    members: dict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(names):
        members[name].append(row)
    return members


def _capped(names: Sequence[str], settings: BalanceSettings) -> list[str]:
    if not names:
        return []
    shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return [
        f"{len(names)} classes stay below their share, because no row is seen over {settings.most:g} times: {shown}"
    ]


WAYS: dict[str, Callable[[Sequence[Record], Sequence[str], BalanceSettings, int], Step]] = {
    "weights": _weighted(0.0),
    "temperature": _weighted(None),
    "oversample": _oversample,
    "undersample": _undersample,
}
"""By `data.balance.how`."""
