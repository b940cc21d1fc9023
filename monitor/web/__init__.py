"""Health and numbers over HTTP, for probes and for Prometheus."""
