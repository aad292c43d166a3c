"""Microsoft Graph, as far as it takes to register an application and to see what is wrong with it."""

from partnerauth.emulator.graph.service import Graph

__all__ = ["Graph"]
