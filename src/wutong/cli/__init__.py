"""The user's command. It knows only the SDK."""
