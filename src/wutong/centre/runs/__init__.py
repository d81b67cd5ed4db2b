"""Runs: what was asked of an engine, how far it came, and the journal of its changes. A run is one attempt; it never hears of jobs or money."""
