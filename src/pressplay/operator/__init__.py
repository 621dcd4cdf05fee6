"""Turns CodeRuns and DocsRuns into Jobs, makes the Workflows of flows and works their nodes.

Holds no credential of GitHub or of a model.
"""
