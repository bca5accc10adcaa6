"""How things of caas are shown as things of Nova."""
