"""Working trees, mirrors and git's protocols. Nothing here runs what a repository holds."""
