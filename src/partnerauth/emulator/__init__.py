"""The Partner Center world in one process: a function from request to response, without sockets.

It reads requests and writes answers with the same classes that the client uses, and knows nothing of how the client
keeps its secrets.
"""
