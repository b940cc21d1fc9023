"""A streaming alert monitor for newsroom feeds."""

__version__ = "0.1.0"
