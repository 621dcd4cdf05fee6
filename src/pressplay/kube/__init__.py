"""The one place that imports `kubernetes`: everything else speaks of objects as dicts and of errors of ours."""
