"""File trees: versions laid out as folders for runs, and folders that runs left read back as blobs."""
