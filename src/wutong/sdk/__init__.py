"""The wire types and a client. It depends on nothing of ours, so that doors, commands, peers and solutions share one definition."""
