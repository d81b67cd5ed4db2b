"""Data sets, models and code: content-addressed blobs, immutable versions, resumable uploads. It never runs anything."""
