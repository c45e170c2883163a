"""Files that put a model server into place: Kubernetes manifests and a systemd unit."""
