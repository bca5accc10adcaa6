"""The commands ``openstack caas ...``: one module per noun."""
