"""A GitOps platform: what Git declares, your clusters are."""

__version__ = "0.1.0"
