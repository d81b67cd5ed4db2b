"""Dividing the files of a version into training, validation and test parts, so that files which belong together stay together."""
