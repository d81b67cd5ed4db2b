"""Wutong (梧桐), the operating platform of a public AI computing centre: one centre, four platforms, a network of centres."""

__version__ = "0.1.0"
