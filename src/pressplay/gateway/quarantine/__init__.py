"""The process that handles what is hostile in git: neither a key nor a network."""
