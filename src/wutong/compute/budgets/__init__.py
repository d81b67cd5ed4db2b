"""Limits a tenant sets on its own spending by month, for all and for each person, and what was spent against them. It never stops a job itself."""
