"""Engines run work: one protocol, one conformance suite, and an adapter for each (local agent, fake). They never read the database."""
