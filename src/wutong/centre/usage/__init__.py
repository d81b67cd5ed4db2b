"""Usage: the journal of how long each run held its cards, in integer milliseconds, as absolute facts. It never knows a price."""
