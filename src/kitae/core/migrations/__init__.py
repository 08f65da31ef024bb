"""Migrations of the store, applied by `kitae.core.store.migrate`."""
