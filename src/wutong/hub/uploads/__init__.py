"""Resumable uploads (tus 1.0): a file that grows under a lock, then becomes a blob or is unpacked into blobs."""
