"""What the settings of a split may not say at once."""

from kitae.core.data_settings import SplitSettings
from kitae.errors import RecipeError


def check_split(settings: SplitSettings) -> None:
    """Refuse settings that contradict each other (`RecipeError`)."""
    if settings.by_time is not None:
        for name, other in (("stratify_by", settings.stratify_by not in {None, "auto"}), ("folds", settings.folds)):
            if other:
                raise RecipeError(
                    f"data.split: by_time and {name} contradict each other",
                    got=f"by_time: {settings.by_time}, {name}: {getattr(settings, name)}",
                    hint="By time, the newest rows are the test, whatever they are; leave one of the two out",
                )
    if settings.folds is not None and settings.fold > settings.folds:
        raise RecipeError(
            "data.split.fold: there is no such fold",
            got=f"fold {settings.fold} of {settings.folds}",
            hint="Folds are counted from 1",
        )
