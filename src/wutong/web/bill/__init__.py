"""The bill: a month's jobs down to the engine's record, the statement, usage over time, budgets and warnings, and tables to take away."""
