"""The command line: parses, calls, prints. What a command does lives in the package that the command belongs to."""
