"""What outlives the process: every promise monitor makes rests on a row here."""
