"""Webhooks: what happened to an organisation, sent to an address of its own, signed. It never reaches into the centre's own network."""
