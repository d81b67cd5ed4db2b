"""Comparison: holds the usage journal against the accounts that a cluster keeps itself, start by start. It reports; it corrects nothing."""
