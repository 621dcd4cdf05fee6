"""A real Kubernetes cluster with Argo on one machine, from one command or from Python.

`cluster.up`, `down` and `status.status_of` are what the command line calls; errors are `errors.LocalKubeError`.
"""
