"""Signing in through an OpenID Connect provider. A provider's word opens a known account only after that account's password was given once."""
