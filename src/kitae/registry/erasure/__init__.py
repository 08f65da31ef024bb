"""Erasure: what somebody may ask to be forgotten goes from everywhere in the workspace, and does not come back."""
