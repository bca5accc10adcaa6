"""Sets for tests of the agent."""

from caas.model import spec, wire
from caas.model.states import Desired

DIGEST = "sha256:" + "0" * 64
SIZE = spec.Resources(2000, 256, 1)
NIC = wire.Nic(
    address="10.89.0.5",
    prefix_len=16,
    gateway="10.89.0.1",
    mac="02:00:0a:59:00:05",
)


def container(name, index=0, *, policy="no", retries=0, **fields):
    fields.setdefault("command", ("sleep", "1000"))
    digest = fields.pop("digest", DIGEST)
    asked = {
        key: fields.pop(key)
        for key in (
            "id",
            "restart_epoch",
            "paused",
            "signal_epoch",
            "signal",
            "monitor",
        )
        if key in fields
    }
    asked.setdefault("id", f"id-{name}")
    return wire.WantedContainer(
        spec=spec.ContainerSpec(
            name=name,
            image=spec.ImageRef("busybox:1", "image-id", digest),
            index=index,
            restart_policy=spec.RestartPolicy(policy, retries),
            **fields,
        ),
        pull=wire.Pull("token", "web/app", DIGEST),
        **asked,
    )


def wanted(*containers, set_id="set-1", desired=Desired.RUNNING, **fields):
    fields.setdefault("incarnation", 1)
    fields.setdefault("revision", 1)
    fields.setdefault("resources", SIZE)
    return wire.Wanted(
        id=set_id,
        desired=desired,
        project_id="project",
        name="name",
        hostname="host",
        nic=NIC,
        containers=containers or (container("web"),),
        request_id="req-1",
        **fields,
    )
