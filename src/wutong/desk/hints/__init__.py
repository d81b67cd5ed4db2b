"""Hints of the portal that a person put away, remembered with the person and so the same on every device."""
