"""Custody: on what terms a record may be used, what the policy says of them, what was erased, a record's whole life."""
