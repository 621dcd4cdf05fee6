"""What happened, what it cost and what is kept of it: SQLite for one gateway, PostgreSQL by URL."""
