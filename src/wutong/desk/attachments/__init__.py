"""Files that go with messages of tickets: read by whoever may read the ticket, and by nobody else."""
