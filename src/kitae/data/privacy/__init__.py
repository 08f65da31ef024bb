"""Private data and secrets: recognisers, stand-ins, and what is done with what is found."""
