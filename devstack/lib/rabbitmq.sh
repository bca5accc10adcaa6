# shellcheck shell=bash
# RabbitMQ: the broker of this machine, or ours when none answers; in it a
# vhost and a user of this stack.

# The name of our own node, which keeps all it has in the state directory.
rabbitmq_node() {
    printf '%s' "$QUICKSTART_NAME-quickstart@localhost"
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
distribution.listener.port_range.min = $((QUICKSTART_RABBITMQ_PORT + 20000))
distribution.listener.port_range.max = $((QUICKSTART_RABBITMQ_PORT + 20000))
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
        RABBITMQ_DIST_PORT="$((QUICKSTART_RABBITMQ_PORT + 20000))" \
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
