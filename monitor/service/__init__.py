"""The one place where the parts are joined, started and stopped."""
