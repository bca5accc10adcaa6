# shellcheck shell=bash
# RabbitMQ: the broker of this machine, or ours when none answers; in it a
# vhost and a user of this stack.

EPMD_PORT=${ERL_EPMD_PORT:-4369}

# The name of our own node, which keeps all it has in the state directory.
rabbitmq_node() {
    printf '%s' "$QUICKSTART_NAME-quickstart@localhost"
}

# Nodes of Erlang reach each other at a port of their own.
rabbitmq_distribution_port() {
    printf '%s' "$((QUICKSTART_RABBITMQ_PORT + 20000))"
}

# The broker of this machine may answer at the port: that is the one rabbitmqctl
# is for, as it has to let us in. Or nobody, and all that ours needs is free.
claim_broker() {
    local port=$QUICKSTART_RABBITMQ_PORT distribution names
    distribution=$(rabbitmq_distribution_port)
    service_running rabbitmq && return
    if port_open "$port" && ! rabbitmq_of_machine "$port" &&
        ! wait_until 5 port_closed "$port"; then
        fail "Port $port, where RabbitMQ should listen, is taken by another program ($(port_owner "$port")), which is not the broker rabbitmqctl is for. Stop that, or set QUICKSTART_RABBITMQ_PORT to a free port, and a broker is started there."
    fi
    port_closed "$port" || return 0
    ((distribution < 65536)) ||
        fail "QUICKSTART_RABBITMQ_PORT must be 45535 at most: the broker listens at a port 20000 above as well."
    wait_until 5 port_closed "$distribution" ||
        fail "Port $distribution, which RabbitMQ needs as well, is taken by another program ($(port_owner "$distribution")). Stop that, or set QUICKSTART_RABBITMQ_PORT to another port; the one it needs as well is 20000 above."
    port_open "$EPMD_PORT" || return 0
    # What is not installed yet cannot be asked.
    command -v epmd >/dev/null || return 0
    names=$(timeout 10 epmd -names 2>/dev/null) ||
        fail "Port $EPMD_PORT, where Erlang's epmd should listen, is taken by another program ($(port_owner "$EPMD_PORT")). RabbitMQ cannot be started without it; stop that."
    [[ $names != *"name $QUICKSTART_NAME-quickstart at port"* ]] ||
        fail "The broker of another stack runs that is named $QUICKSTART_NAME, too. Stop that one, or set QUICKSTART_NAME to another name."
}

# Whether the broker that rabbitmqctl is for listens at a port.
rabbitmq_of_machine() {
    timeout 60 rabbitmq-diagnostics --quiet check_port_listener "$1" >/dev/null 2>&1
}

rabbitmq_up() {
    if ! port_open "$QUICKSTART_RABBITMQ_PORT"; then
        rabbitmq_start
    fi
    rabbitmq_login_works || rabbitmq_grant
    # Hosts reach the broker by the fabric's address.
    port_open "$QUICKSTART_RABBITMQ_PORT" "$CONTROL_ADDRESS" ||
        fail "RabbitMQ does not listen on $CONTROL_ADDRESS:$QUICKSTART_RABBITMQ_PORT, where the hosts look for it. Set QUICKSTART_RABBITMQ_PORT to a free port, and a broker is started there."
}

rabbitmq_login_works() {
    RABBITMQ_PASSWORD=$RABBITMQ_PASSWORD "$VENV/bin/python" - \
        "$QUICKSTART_NAME" "$QUICKSTART_RABBITMQ_PORT" 2>/dev/null <<'EOF'
import os, sys, amqp

name, port = sys.argv[1:]
password = os.environ["RABBITMQ_PASSWORD"]
amqp.Connection(f"127.0.0.1:{port}", name, password,
                virtual_host=name, connect_timeout=5).connect()
EOF
}

rabbitmq_start() {
    local base=$DATA_DIR/rabbitmq
    install -d -o rabbitmq -g rabbitmq -m 0750 "$base"
    cat >"$base/rabbitmq.conf" <<EOF
listeners.tcp.default = $QUICKSTART_RABBITMQ_PORT
distribution.listener.port_range.min = $(rabbitmq_distribution_port)
distribution.listener.port_range.max = $(rabbitmq_distribution_port)
log.console = true
log.file = false
EOF
    : >"$base/enabled_plugins"
    chown rabbitmq: "$base"/{rabbitmq.conf,enabled_plugins}
    # RUNNING_UNDER_SYSTEMD makes the script become the broker instead of
    # its parent; +sbwt none keeps an idle one from spinning.
    service_start rabbitmq env -C "$base" \
        HOME=/var/lib/rabbitmq \
        RUNNING_UNDER_SYSTEMD=true \
        RABBITMQ_NODENAME="$(rabbitmq_node)" \
        RABBITMQ_DIST_PORT="$(rabbitmq_distribution_port)" \
        RABBITMQ_MNESIA_BASE="$base" \
        RABBITMQ_LOG_BASE="$base" \
        RABBITMQ_CONFIG_FILE="$base/rabbitmq.conf" \
        RABBITMQ_ENABLED_PLUGINS_FILE="$base/enabled_plugins" \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='+sbwt none +sbwtdcpu none +sbwtdio none' \
        setpriv --reuid rabbitmq --regid rabbitmq --init-groups \
        /usr/lib/rabbitmq/bin/rabbitmq-server
    service_ready rabbitmq 120 port_open "$QUICKSTART_RABBITMQ_PORT"
}

# rabbitmqctl for the broker in use.
rabbitmq_ctl() {
    if service_running rabbitmq; then
        rabbitmqctl --node "$(rabbitmq_node)" "$@"
    else
        rabbitmqctl "$@"
    fi
}

# One call that may be repeated, with the password hashed as RabbitMQ does,
# instead of four calls with the password on the command line.
rabbitmq_grant() {
    local definitions
    definitions=$(mktemp --suffix .json)
    chmod 0644 "$definitions"
    RABBITMQ_PASSWORD=$RABBITMQ_PASSWORD "$(find_python)" - \
        "$QUICKSTART_NAME" >"$definitions" <<'EOF'
import base64, hashlib, json, os, sys

name = sys.argv[1]
password = os.environ["RABBITMQ_PASSWORD"].encode()
salt = os.urandom(4)
hashed = base64.b64encode(salt + hashlib.sha256(salt + password).digest())
print(json.dumps({
    "vhosts": [{"name": name}],
    "users": [{
        "name": name,
        "password_hash": hashed.decode(),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": "",
    }],
    "permissions": [{
        "user": name,
        "vhost": name,
        "configure": ".*",
        "write": ".*",
        "read": ".*",
    }],
}))
EOF
    rabbitmq_ctl import_definitions "$definitions" ||
        fail "RabbitMQ on port $QUICKSTART_RABBITMQ_PORT answers, but not to rabbitmqctl. Set QUICKSTART_RABBITMQ_PORT to a free port, and a broker is started there." "$(job_log rabbitmq)"
    rm -f "$definitions"
}

rabbitmq_clean() {
    if service_running rabbitmq; then
        service_stop rabbitmq
        # Only ends when no other broker of this machine is left.
        epmd -kill >/dev/null 2>&1 || true
    elif port_open "$QUICKSTART_RABBITMQ_PORT"; then
        rabbitmq_ctl --quiet delete_vhost "$QUICKSTART_NAME" || true
        rabbitmq_ctl --quiet delete_user "$QUICKSTART_NAME" || true
    fi
}
