"""How it is told that reading cannot go on."""


class BrokenFile(Exception):
    """A file, or what is packed in it, cannot be read from here on; the text is the reason."""
