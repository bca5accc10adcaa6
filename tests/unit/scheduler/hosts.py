"""Hosts for the tests of the scheduler."""

from caas.model.spec import Resources
from caas.scheduler.snapshot import Host


def host(name, cpu=4000, memory=4096, disk=100, **fields):
    """A host of which nothing is used, unless ``free`` says else."""
    capacity = fields.pop("capacity", Resources(cpu, memory, disk))
    return Host(
        **{
            "id": name,
            "name": name,
            "zone": "z1",
            "enabled": True,
            "up": True,
            "capacity": capacity,
            "free_millicpus": cpu,
            "free_memory_mb": memory,
            "free_disk_gb": disk,
            **fields,
        }
    )
