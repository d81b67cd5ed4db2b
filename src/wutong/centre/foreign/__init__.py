"""Foreign: what ran on a cluster and was not asked for here. Registered once each start, and metered where it is known whose it was."""
