"""The protocol as both sides of the sign-in service see it."""
