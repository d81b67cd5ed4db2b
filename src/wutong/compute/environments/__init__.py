"""Named software environments for jobs, built from a requirements lock into a cached folder. It never runs a tenant's code."""
