"""The process that alone holds keys. It parses nothing of what it passes on."""
