"""One's own account: profile, password and address, sessions, tokens, logins at providers, organisations, and what one is told of."""
