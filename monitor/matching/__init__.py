"""Does a story meet a rule, and why. One pass over a story for all rules."""
