"""A GitOps platform: what Git declares, your clusters are."""
