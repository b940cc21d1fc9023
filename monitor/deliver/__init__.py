"""Reaching people: one file for each channel, and the words they carry."""
