"""The executor of Workflows' suspended nodes: a step that runs an agent or waits for the world costs no pod.

`contract` says what nodes ask and answer, `runs` makes runs of them, `decide` is pure, `worker` reads and acts.
"""
