"""Wait until hosts have reported to caas, with one login for all looks."""

import argparse
import sys
import time

import cloud
from keystoneauth1 import exceptions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keystone", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("names", nargs="+")
    args = parser.parse_args()
    caas = cloud.api(args.keystone, "caas")
    end = time.monotonic() + args.seconds
    missing = set(args.names)
    while missing and time.monotonic() < end:
        try:
            hosts = caas.get("/hosts").json()["hosts"]
            up = {host["name"] for host in hosts if host["status"] == "up"}
            missing = set(args.names) - up
        except exceptions.ClientException as e:
            sys.stderr.write(f"{e}\n")
        if missing:
            time.sleep(0.1)
    if missing:
        sys.exit(f"No report from {', '.join(sorted(missing))}")


if __name__ == "__main__":
    main()
