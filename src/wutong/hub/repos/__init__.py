"""Repositories: data sets, models, code and outputs, with immutable numbered versions. It stores no bytes itself."""
