"""The one way out of a run: three processes that share a pod and trust each other as little as they can."""
