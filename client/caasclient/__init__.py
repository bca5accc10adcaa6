"""Client of caas: the SDK in ``sdk``, ``openstack caas ...`` in ``osc``."""
