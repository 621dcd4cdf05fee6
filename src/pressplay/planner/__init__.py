"""Backlogs and workstreams: what is to be done, and in which order."""
