"""The terminal door: thin commands over the same functions that the web and programs call."""
