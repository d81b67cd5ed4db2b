"""Archives: hostile tar and zip files unpacked into blobs, and versions packed as a tar stream. No path an archive names is ever written to."""
