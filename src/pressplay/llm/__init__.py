"""Models: neutral messages, the vendors' wires, errors, retries, prices, limits, and what may pass to a vendor.

`anthropic` and `openai` are imported by the two modules of the same name and by nothing else, so that a process which
only checks, prices and relays requests (the gateway) needs neither SDK. This package knows nothing of GitHub,
Kubernetes, runs or the ledger: it is given budgets and clocks, and tells what was spent.
"""
