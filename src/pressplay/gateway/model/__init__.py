"""Model calls of runs: a typed list of what is allowed, a budget reserved before, the bill read on the way back."""
