"""Who is told, and when: the same story, routes, decisions, reactions to what a channel answered."""
