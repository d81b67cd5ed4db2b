"""Utilisation: how many cards of what there was were in use, by hour, pool, node and tenant. Added up from the usage journal; it measures nothing."""
