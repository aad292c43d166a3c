"""Our token sources for other people's clients: httpx, requests, and any Azure SDK client.

Each is a module of its own, so that only the one that is used loads its library.
"""
