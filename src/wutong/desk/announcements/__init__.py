"""Announcements: what operators tell everybody, the signed-in, or the users of a pool, from one moment to another."""
