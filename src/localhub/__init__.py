"""Stand-ins for what no test machine can have: GitHub, with real git behind it, and a vendor of models."""
