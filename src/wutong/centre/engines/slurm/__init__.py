"""The Slurm engine: runs jobs on a Slurm cluster through its own programs. It knows neither money nor the database, and never schedules."""
