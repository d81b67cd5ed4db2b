"""Maintenance: times in which machines are kept free of jobs, announced before, kept on the engines, over by themselves."""
