"""A stand-in for a vendor of models: it replays scripts on the vendors' own wires. It is no model and says so."""
