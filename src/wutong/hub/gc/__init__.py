"""Collection of what nobody uses: purged versions, blobs without owner, stale uploads, old trees. It never takes what is referenced."""
