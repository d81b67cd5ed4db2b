"""Tenants, people, roles, tokens and the audit trail. Who is asking, and what they may do."""
