"""The JSON door: routes that translate wire types into calls of services. It decides nothing."""
