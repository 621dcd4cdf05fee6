"""Turns CodeRuns and DocsRuns into Jobs. Holds no credential of GitHub or of a model."""
