"""The section `train` of a recipe: the loop and its policies."""

from typing import Annotated, Literal

from pydantic import Field

from kitae.core.settings import Auto, Count, Settings


class ScheduleSettings(Settings):
    """How the learning rate goes over the steps: it rises from zero to its peak, then falls as `kind` says."""

    kind: Literal["cosine", "linear", "constant", "wsd"] = "cosine"
    """cosine and linear fall from the warm-up's end to the last step; constant stays at the peak; wsd (warm-up, stable,
    decay; arXiv:2404.06395) stays there and falls in the last steps."""
    warmup_share: float = Field(default=0.06, ge=0.0, lt=1.0)
    """Share of the steps in which the rate rises from zero."""
    decay_share: float = Field(default=0.1, gt=0.0, le=1.0)
    """Share of the steps in which wsd falls, at the end; the other kinds do not read it."""
    final_rate_share: float = Field(default=0.04, ge=0.0, le=1.0)
    """Last rate as a share of the peak; constant does not read it."""


class EarlyStopping(Settings):
    """When to stop before the last epoch."""

    patience: int = Field(default=3, ge=1)
    """Validations without improvement before training stops; the best state is kept."""
    min_delta: float = Field(default=0.0, ge=0.0)
    """Smallest fall of the validation loss that counts as improvement."""


class PreferenceSettings(Settings):
    """How training learns from pairs of answers (task: preference). The reference is the model before training."""

    loss: Literal["dpo", "ipo", "orpo", "simpo"] = "dpo"
    """dpo (Rafailov et al. 2023, arXiv:2305.18290, equation 7), ipo (Azar et al. 2023, arXiv:2310.12036, equation 17),
    orpo (Hong et al. 2024, arXiv:2403.07691, equation 6), simpo (Meng et al. 2024, arXiv:2405.14734, equation 6). The
    last two need no reference."""
    beta: float | None = Field(default=None, gt=0.0)
    """How strongly preferences pull: the inverse temperature of dpo and simpo, the regularisation of ipo, the weight of
    the odds ratio in orpo. null takes what is usual: 2 in simpo, 0.1 in the others."""
    margin: float = Field(default=0.0, ge=0.0)
    """By how much the chosen answer's reward should lead, in simpo (there 0.5 to 1.5 is usual)."""
    mistaken: float = Field(default=0.0, ge=0.0, lt=0.5)
    """Share of pairs that are taken to be the wrong way round, in dpo (Mitchell 2023, "A note on DPO with noisy
    preferences")."""
    answer_weight: float = Field(default=0.0, ge=0.0)
    """Adds so many times the mean cross-entropy of the chosen answer, which keeps it likely (in orpo it always counts
    once)."""

    @property
    def pull(self) -> float:
        """`beta`, or what is usual for the loss."""
        return self.beta if self.beta is not None else 2.0 if self.loss == "simpo" else 0.1


class TrainSettings(Settings):
    """The training loop."""

    epochs: float = Field(default=3.0, gt=0.0, le=1000.0)
    """Passes over the training split."""
    learning_rate: Annotated[float, Field(gt=0.0, le=1.0)] | Auto = "auto"
    """Peak rate of AdamW."""
    tokens_per_step: Annotated[int, Field(ge=1, le=1 << 30)] | Auto = "auto"
    """Unpadded tokens between two optimizer updates."""
    max_row_tokens: Annotated[int, Field(ge=2, le=1 << 30)] | Auto = "auto"
    """Longer conversations are cut at the last whole turn that fits."""
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """Number format of the matrix products; adapter weights and optimizer stay fp32."""
    schedule: ScheduleSettings = ScheduleSettings()
    """The rate over the steps."""
    weight_decay: float = Field(default=0.01, ge=0.0)
    """Decoupled weight decay of AdamW, matrices only."""
    label_smoothing: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of each label given evenly to the whole vocabulary (Szegedy et al. 2016, arXiv:1512.00567, section 7);
    the validation loss is measured without it."""
    max_gradient_norm: float = Field(default=1.0, gt=0.0)
    """Gradients are scaled down to this global norm."""
    validations: Count | Auto = "auto"
    """How many times the validation loss is measured over the whole training."""
    checkpoint_seconds: float = Field(default=20.0, gt=0.0)
    """At most this much work is lost when the process is killed."""
    early_stopping: EarlyStopping | None = EarlyStopping()
    """null trains to the last step."""
    preference: PreferenceSettings = PreferenceSettings()
    """Of task: preference."""
