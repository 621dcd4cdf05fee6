"""Pressplay: AI agents work a backlog to merged pull requests, on your own Kubernetes cluster."""

__version__ = "0.1.0.dev0"
