"""The Grafana dashboards as code: ``python -m grafana.generate`` writes their JSON."""
