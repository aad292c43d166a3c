"""The control API: what a test, a script or the portal asks of the world itself, under `/_emulator`."""

from partnerauth.emulator.control.door import Control

__all__ = ["Control"]
