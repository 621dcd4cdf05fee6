"""Rules, as pure functions: what an agent's work may contain, what the cluster allows, what must not be told."""
