"""Plan: dataset + hardware -> every `auto` resolved with a reason, and whether it will fit, before anything runs."""

from kitae.plan.hardware import Hardware, look
from kitae.plan.resolve import check, resolve, resolved, training_seconds

__all__ = ["Hardware", "check", "look", "resolve", "resolved", "training_seconds"]
