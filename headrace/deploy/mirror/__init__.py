"""Files that put a mirror into place: Kubernetes manifests and a systemd unit."""
