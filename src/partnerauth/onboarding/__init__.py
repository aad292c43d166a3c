"""Bringing a directory into the shape the model needs, and keeping it there: the application's own credentials."""
