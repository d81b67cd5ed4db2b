"""What runs inside a Slurm job as its batch script: keeps one start of a run. Light (see `local/processes`), and fit for Python 3.9."""
