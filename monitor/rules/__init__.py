"""What editors wrote: YAML and query lines read into one tree. Judges no story itself."""
