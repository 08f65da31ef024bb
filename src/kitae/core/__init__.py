"""What travels: records, conversations, artifacts, the recipe, the workspace, events, the store."""
