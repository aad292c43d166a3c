"""Entra ID, the sign-in service of the world: metadata, sign-in pages, tokens."""
