"""How GitHub's events come to the inbox through Argo Events: one EventSource, one Sensor."""
