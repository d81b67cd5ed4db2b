"""Builds everything, serves, works, migrates: the only room that knows all rooms."""
