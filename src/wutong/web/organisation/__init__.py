"""The organisation: its profile, members and invitations, everybody's tokens, its webhooks, and the trail of what was done."""
