"""GitHub as the gateway needs it: an App's tokens, a few calls, and texts made safe in both directions."""
