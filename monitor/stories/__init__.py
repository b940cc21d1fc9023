"""What publishers said: entries, stories, their identity, their text."""
