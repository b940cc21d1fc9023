"""Asking feeds over HTTP and reading their answers; nothing of an answer is parsed in this process."""
