"""Words: folding, look-alike letters, where a word begins and ends. Knows no rule and no story."""
