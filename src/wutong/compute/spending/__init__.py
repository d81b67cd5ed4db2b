"""What a tenant's usage came to over time: by day, and by person, flavour or project. It only reads; charges are billing's."""
