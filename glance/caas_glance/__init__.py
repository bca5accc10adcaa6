"""Keeps records of container images in Glance whole; see ``filter``."""
