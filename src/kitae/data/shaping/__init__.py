"""How a row of named values becomes a conversation, a pair of answers or a document."""
