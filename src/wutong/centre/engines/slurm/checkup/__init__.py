"""What confines tenants on a live cluster and what does not: looks at its settings, its nodes and its host, and says what to set.

Changes nothing. What could not be looked at is said to be unknown, never taken for well.
"""
