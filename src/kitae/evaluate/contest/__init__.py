"""Several systems on the same rows: versions, bases, endpoints, each asked in its own way."""
