"""Fill a Nova with servers, by its own objects; run by the Python of Nova.

What is written is what a boot leaves: instance, mapping to its cell, request
of the scheduler, flavor, network information, block device, metadata, tags
and key, on hosts that are there.

usage: nova_servers.py CONFIG_FOLDER < description (JSON)
"""

import json
import os
import pathlib
import sys

os.environ["OS_NOVA_DISABLE_EVENTLET_PATCHING"] = "1"

from nova import config, context, objects
from nova.network import model as network_model
from nova.objects import block_device, fields
from oslo_utils import timeutils, uuidutils

HOSTS = 10


def main():
    config.parse_args(["fill", "--config-dir", sys.argv[1]])
    objects.register_all()
    wanted = json.load(sys.stdin)
    ctx = context.RequestContext(
        wanted["user_id"], wanted["project_id"], is_admin=True
    )
    cell = next(
        each
        for each in objects.CellMappingList.get_all(ctx)
        if not each.is_cell0()
    )
    size = wanted["size"]
    flavor = objects.Flavor(
        ctx,
        name=size["name"],
        flavorid=size["name"],
        vcpus=size["vcpus"],
        memory_mb=size["memory_mb"],
        root_gb=size["disk_gb"],
        ephemeral_gb=0,
        swap=0,
        rxtx_factor=1.0,
        vcpu_weight=0,
        is_public=True,
        disabled=False,
        extra_specs={},
    )
    flavor.create()
    key = objects.KeyPair(
        ctx,
        user_id=wanted["user_id"],
        name=wanted["key_name"],
        type="ssh",
        fingerprint="00:" * 15 + "00",
        public_key=wanted["public_key"],
    )
    key.create()
    with context.target_cell(ctx, cell) as inside:
        hosts = [host(ctx, inside, cell, n) for n in range(HOSTS)]
        for number, each in enumerate(wanted["servers"]):
            boot(
                ctx,
                inside,
                cell,
                wanted | each,
                flavor,
                key,
                hosts[number % HOSTS],
            )


def host(ctx, inside, cell, number):
    """:returns: a compute node, whose service is there."""
    name = f"host-{number}"
    objects.Service(
        inside,
        host=name,
        binary="nova-compute",
        topic="compute",
        report_count=1,
        last_seen_up=timeutils.utcnow(),
    ).create()
    node = objects.ComputeNode(
        inside,
        host=name,
        hypervisor_hostname=name,
        uuid=uuidutils.generate_uuid(),
        vcpus=64,
        memory_mb=262144,
        local_gb=4000,
        vcpus_used=0,
        memory_mb_used=0,
        local_gb_used=0,
        hypervisor_type="fake",
        hypervisor_version=1000,
        cpu_info="{}",
        mapped=1,
    )
    node.create()
    objects.HostMapping(ctx, host=name, cell_mapping=cell).create()
    return node


def boot(ctx, inside, cell, wanted, flavor, key, node):
    """A server that runs."""
    instance_id = uuidutils.generate_uuid()
    image = {
        "id": wanted["image_id"],
        "name": wanted["image_name"],
        "status": "active",
        "container_format": "docker",
        "disk_format": "raw",
        "min_disk": 0,
        "min_ram": 0,
        "size": 1200,
        "properties": {"caas_kind": "image"},
    }
    spec = objects.RequestSpec.from_components(
        ctx,
        instance_id,
        image,
        flavor,
        None,
        objects.InstancePCIRequests(requests=[]),
        {},
        None,
        None,
        security_groups=objects.SecurityGroupList(
            objects=[objects.SecurityGroup(uuid=wanted["project_id"])]
        ),
    )
    spec.create()
    objects.InstanceMapping(
        ctx,
        instance_uuid=instance_id,
        project_id=wanted["project_id"],
        user_id=wanted["user_id"],
        cell_mapping=cell,
        queued_for_delete=False,
    ).create()
    now = timeutils.utcnow(with_timezone=True)
    instance = objects.Instance(
        inside,
        uuid=instance_id,
        project_id=wanted["project_id"],
        user_id=wanted["user_id"],
        image_ref=wanted["image_id"],
        kernel_id="",
        ramdisk_id="",
        display_name=wanted["name"],
        display_description=wanted["description"],
        hostname=wanted["name"],
        launch_index=0,
        key_name=key.name,
        key_data=key.public_key,
        keypairs=objects.KeyPairList(objects=[key]),
        vm_state="active",
        task_state=None,
        power_state=1,
        progress=0,
        memory_mb=flavor.memory_mb,
        vcpus=flavor.vcpus,
        root_gb=flavor.root_gb,
        ephemeral_gb=0,
        instance_type_id=flavor.id,
        flavor=flavor,
        old_flavor=None,
        new_flavor=None,
        host=node.host,
        node=node.hypervisor_hostname,
        compute_id=node.id,
        launched_on=node.host,
        launched_at=now,
        availability_zone="nova",
        reservation_id=f"r-{uuidutils.generate_uuid()[:8]}",
        root_device_name="/dev/vda",
        config_drive="",
        auto_disk_config=True,
        locked=False,
        metadata=wanted["metadata"],
        system_metadata={
            "image_base_image_ref": wanted["image_id"],
            "image_container_format": "docker",
            "image_disk_format": "raw",
            "image_min_disk": str(flavor.root_gb),
            "image_min_ram": "0",
            "image_caas_kind": "image",
            "boot_roles": "member,reader",
            "owner_user_name": "demo",
            "owner_project_name": "demo",
        },
        security_groups=objects.SecurityGroupList(objects=[]),
        pci_requests=objects.InstancePCIRequests(
            instance_uuid=instance_id, requests=[]
        ),
        info_cache=objects.InstanceInfoCache(
            instance_uuid=instance_id,
            network_info=network(wanted["address"], wanted["network"]),
        ),
    )
    instance.create()
    objects.TagList.create(inside, instance_id, wanted["tags"])
    disk = block_device.BlockDeviceMapping(
        inside,
        instance_uuid=instance_id,
        source_type=fields.BlockDeviceSourceType.IMAGE,
        destination_type=fields.BlockDeviceDestinationType.LOCAL,
        device_type="disk",
        device_name="/dev/vda",
        boot_index=0,
        image_id=wanted["image_id"],
        delete_on_termination=True,
        no_device=False,
    )
    disk.create()


def network(address, name):
    """One port of one network."""
    last = [int(part) for part in address.split(".")]
    subnet = network_model.Subnet(
        cidr="10.77.0.0/16",
        gateway=network_model.IP("10.77.0.1", "gateway"),
        ips=[network_model.FixedIP(address=address)],
        version=4,
    )
    return network_model.NetworkInfo(
        [
            network_model.VIF(
                id=uuidutils.generate_uuid(),
                address="fa:16:" + ":".join(f"{part:02x}" for part in last),
                network=network_model.Network(
                    id=uuidutils.generate_uuid(),
                    bridge="br-int",
                    label=name,
                    subnets=[subnet],
                ),
                type="ovs",
                active=True,
                vnic_type="normal",
                devname="tap0",
            )
        ]
    )


if __name__ == "__main__":
    pathlib.Path(sys.argv[1]).resolve(strict=True)
    main()
