"""Devices that are not there, behind ptys that are: for a demo, for tests, and for whoever has no hardware yet."""
