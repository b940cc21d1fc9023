"""What the program costs, measured: scripts, not tests. `make bench` runs all and prints one table."""
