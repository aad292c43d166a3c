"""The portal: the emulator's own pages, for people, at `/` and below `/portal/`. They work without scripts."""

from partnerauth.emulator.portal.portal import Portal

__all__ = ["Portal"]
