"""A cluster in a box: a private real Slurm on loopback for tests, demonstrations and benchmarks. It is never part of a centre that serves."""
