"""The history of the schema: one dated file a room and change."""
