"""What watches a model server: Grafana dashboards and Prometheus rules, made from declarations."""
