"""Blobs: bytes named by their sha256, in a folder or an object store, and which tenant may use which. They are never changed."""
