# shellcheck shell=bash
# --hosts N: the network namespaces that stand for N machines.
#
#   this machine                     fabric           host 1 ... N
#   qs-NAME .254 ------ root \__ bridge __/ h1 ---- eth0 .1
#                                         \ hN ---- eth0 .N
#
# The bridge has a namespace of its own: in that of the machine, Docker's
# firewall would drop what crosses it.

fabric_netns_name() {
    printf '%s' "$QUICKSTART_NAME-fabric"
}

fabric_link() {
    printf '%s' "qs-$QUICKSTART_NAME"
}

host_netns_name() {
    printf '%s' "$QUICKSTART_NAME-host-$1"
}

host_netns() {
    printf '%s' "/run/netns/$(host_netns_name "$1")"
}

# A sentence before anything of the stack is kept: another network can be
# chosen then.
claim_fabric() {
    ((QUICKSTART_HOSTS > 0)) || return 0
    ! ip link show "$(fabric_link)" >/dev/null 2>&1 || return 0
    if ip route show to match "$FABRIC_ADDRESS" | grep -qv '^default'; then
        fail "The network $QUICKSTART_FABRIC.0/24 is in use on this machine; set QUICKSTART_FABRIC to the first three numbers of another."
    fi
}

fabric_up() {
    local fabric link
    fabric=$(fabric_netns_name)
    link=$(fabric_link)
    if ip link show "$link" >/dev/null 2>&1; then
        return
    fi
    claim_fabric
    ip netns add "$fabric"
    ip -n "$fabric" link add bridge type bridge
    ip -n "$fabric" link set bridge up
    ip link add "$link" type veth peer name root netns "$fabric"
    ip -n "$fabric" link set root master bridge up
    ip address add "$FABRIC_ADDRESS/24" dev "$link"
    ip link set "$link" up
}

host_network_up() {
    local number=$1 fabric host
    fabric=$(fabric_netns_name)
    host=$(host_netns_name "$number")
    if [[ -e $(host_netns "$number") ]]; then
        return
    fi
    ip netns add "$host"
    ip -n "$host" link set lo up
    ip -n "$host" link add eth0 type veth peer name "h$number" netns "$fabric"
    ip -n "$fabric" link set "h$number" master bridge up
    ip -n "$host" address add "$QUICKSTART_FABRIC.$number/24" dev eth0
    ip -n "$host" link set eth0 up
    ip -n "$host" route add default via "$FABRIC_ADDRESS"
}

hosts_network_down() {
    local host
    for ((host = 1; host <= QUICKSTART_HOSTS; host++)); do
        ip netns delete "$(host_netns_name "$host")" 2>/dev/null || true
    done
    ip netns delete "$(fabric_netns_name)" 2>/dev/null || true
    # It goes with its peer, but a little later.
    ip link delete "$(fabric_link)" 2>/dev/null || true
}
