"""Personas are data: who an agent is, what it may do, and which tools and budget it has. The files are in agents/."""
