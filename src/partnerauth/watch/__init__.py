"""Consents kept alive without anybody looking, and whoever must act told in time."""
