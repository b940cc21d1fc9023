"""Whom we ask, and how often: feeds, what came of asking, health, schedule. Asks nobody itself."""
