# shellcheck shell=bash
# caas itself: API, registry, conductor, and an agent on each host.

# By this label an agent knows its containers among others of an Engine.
DEPLOYMENT_LABEL=caas.deployment

CERTIFICATES=$ETC_DIR/certificates
# What caas-ssh shows to clients.
SSH_HOST_KEY=$ETC_DIR/ssh_host_key

transport_url() {
    printf '%s' "rabbit://$QUICKSTART_NAME:$RABBITMQ_PASSWORD@$CONTROL_ADDRESS:$QUICKSTART_RABBITMQ_PORT/$QUICKSTART_NAME"
}

# Configuration of the services that are no agents, which share it.
controller_config() {
    local etc=$ETC_DIR/caas-api
    mkdir -p "$etc"
    cp "$REPO/etc/caas/api-paste.ini" "$REPO/etc/caas/api_audit_map.conf" "$etc/"
    cat >"$etc/caas.conf" <<EOF
[DEFAULT]
use_stderr = true
transport_url = $(transport_url)

[database]
connection = $(database_url)

[network]
cidr = $QUICKSTART_CIDR

# Without somebody who listens, queues of RabbitMQ would fill.
[oslo_messaging_notifications]
driver = log

[pull]
keys = $PULL_KEY

[registry]
spool_path = $DATA_DIR/spool

[proxy]
ca_file = $CERTIFICATES/ca.crt
cert_file = $CERTIFICATES/caas-console.crt
key_file = $CERTIFICATES/caas-console.key

[console]
port = $QUICKSTART_CONSOLE_PORT
url = $CONSOLE_URL

[ssh]
port = $QUICKSTART_SSH_PORT
host_key_file = $SSH_HOST_KEY

[keystone]
$(keystone_reader caas-ssh "$CAAS_SSH_PASSWORD")

[glance]
$(keystone_login caas "$CAAS_PASSWORD")

[keystone_authtoken]
$(keystone_login caas "$CAAS_PASSWORD")
www_authenticate_uri = $KEYSTONE_URL
service_token_roles_required = true
EOF
    # shellcheck disable=SC2046  # words
    uwsgi_config caas-api caas.wsgi.api:application 2 4 \
        $(addresses "$QUICKSTART_CAAS_PORT")
    cat - "$REPO/etc/caas/caas-registry-gunicorn.conf.py" \
        >"$ETC_DIR/caas-registry.conf.py" <<EOF
certfile = "$CERTIFICATES/caas-registry.crt"
keyfile = "$CERTIFICATES/caas-registry.key"
EOF
}

# addresses PORT: where users and agents find a service.
addresses() {
    echo "127.0.0.1:$1"
    [[ $CONTROL_ADDRESS == 127.0.0.1 ]] || echo "$CONTROL_ADDRESS:$1"
}

# By which proxies and agents know each other.
certificates_make() {
    local host
    certificate ca.crt authority
    certificate caas-console.crt proxy
    # shellcheck disable=SC2046  # words
    certificate caas-registry.crt server caas-registry localhost 127.0.0.1 \
        $([[ $CONTROL_ADDRESS == 127.0.0.1 ]] || echo "$CONTROL_ADDRESS")
    for host in $(host_names); do
        certificate "host-$host.crt" host "$host"
    done
}

# certificate FILE COMMAND...: unless it is there.
certificate() {
    local file=$CERTIFICATES/$1
    shift
    [[ -e $file ]] ||
        "$VENV/bin/caas-manage" certificate "$@" --folder "$CERTIFICATES" >/dev/null
}

# agent_config SERVICE HOST_NAME DOCKER_SOCKET STATE_PATH ADDRESS: an agent is
# given no way to the database and no user of the cloud.
agent_config() {
    local etc=$ETC_DIR/$1
    mkdir -p "$etc"
    install -d -m 0700 "$4"
    cat >"$etc/caas.conf" <<EOF
[DEFAULT]
use_stderr = true
host = $2
transport_url = $(transport_url)

[agent]
deployment = $QUICKSTART_NAME
state_path = $4
$(share_of_machine)

[bridge]
prefix = $(bridge_prefix)

[docker]
url = unix://$3
cgroup_root = /$QUICKSTART_NAME

[pull]
endpoint = https://$CONTROL_ADDRESS:$QUICKSTART_REGISTRY_PORT
ca_file = $CERTIFICATES/ca.crt

[streams]
listen = $5
address = $5
port = $QUICKSTART_STREAMS_PORT
ca_file = $CERTIFICATES/ca.crt
cert_file = $CERTIFICATES/host-$2.crt
key_file = $CERTIFICATES/host-$2.key
EOF
}

# Hosts of --hosts have this machine's memory and disk between them.
share_of_machine() {
    local memory disk
    ((QUICKSTART_HOSTS > 0)) || return 0
    memory=$(awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo)
    disk=$(df --output=avail --block-size=1G "$DATA_DIR" | tail -n 1)
    printf 'memory_mb = %d\n' $(((memory - 1024) / QUICKSTART_HOSTS))
    printf 'disk_gb = %d\n' $((disk / QUICKSTART_HOSTS))
}

bridge_prefix() {
    printf '%s' "${QUICKSTART_NAME:0:6}"
}

# The database's tables; needs the database only.
caas_make() {
    certificates_make
    [[ -e $SSH_HOST_KEY ]] ||
        ssh-keygen -q -t ed25519 -N '' -C "$QUICKSTART_NAME" -f "$SSH_HOST_KEY"
    controller_config
    "$VENV/bin/caas-manage" --config-dir "$ETC_DIR/caas-api" db sync
}

caas_up() {
    local name
    for name in caas-api caas-registry caas-conductor caas-console caas-ssh \
        $(agent_names); do
        caas_start "$name"
    done
    caas_api_ready
    caas_registry_ready
}

caas_api_ready() {
    service_ready caas-api 120 http_ok "$CAAS_URL/healthcheck"
}

caas_registry_ready() {
    service_ready caas-registry 120 \
        http_ok "$REGISTRY_URL/healthcheck" --cacert "$CERTIFICATES/ca.crt"
}

# Until every agent has reported its host; a service that ends meanwhile
# fails at once.
wait_for_hosts() {
    local name names hosts waiter
    mapfile -t names < <(service_names | grep '^caas')
    mapfile -t hosts < <(host_names)
    ADMIN_PASSWORD=$ADMIN_PASSWORD "$VENV/bin/python" \
        "$HERE/lib/wait_for_hosts.py" --keystone "$KEYSTONE_URL" \
        --seconds 120 "${hosts[@]}" &
    waiter=$!
    while kill -0 "$waiter" 2>/dev/null; do
        for name in "${names[@]}"; do
            service_running "$name" ||
                fail "$name ended while starting." "$(service_log "$name")"
        done
        sleep 0.1
    done
    wait "$waiter" ||
        fail "Not every agent has reported its host to a conductor." \
            "$(service_log "$(agent_names | head -n 1)")"
}

# The hosts as caas knows them.
host_names() {
    local host
    if ((QUICKSTART_HOSTS == 0)); then
        hostname
    fi
    for ((host = 1; host <= QUICKSTART_HOSTS; host++)); do
        echo "$QUICKSTART_NAME-host-$host"
    done
}

agent_names() {
    service_names | grep '^caas-agent'
}

# Start one of caas' services, without waiting for it.
caas_start() {
    local name=$1 host
    case $name in
        caas-api)
            uwsgi_start caas-api CAAS_CONFIG_DIR="$ETC_DIR/caas-api" ;;
        caas-registry)
            # shellcheck disable=SC2046  # words
            service_start caas-registry \
                env CAAS_CONFIG_DIR="$ETC_DIR/caas-api" "$VENV/bin/gunicorn" \
                --config "$ETC_DIR/caas-registry.conf.py" \
                $(addresses "$QUICKSTART_REGISTRY_PORT" | sed 's/^/--bind /') ;;
        caas-conductor)
            service_start caas-conductor \
                "$VENV/bin/caas-conductor" --config-dir "$ETC_DIR/caas-api" ;;
        caas-console)
            service_start caas-console \
                "$VENV/bin/caas-console" --config-dir "$ETC_DIR/caas-api" ;;
        caas-ssh)
            service_start caas-ssh \
                "$VENV/bin/caas-ssh" --config-dir "$ETC_DIR/caas-api" ;;
        caas-agent)
            agent_config caas-agent "$(hostname)" "$DOCKER_SOCKET" \
                "$DATA_DIR/agent" 127.0.0.1
            service_start caas-agent \
                "$VENV/bin/caas-agent" --config-dir "$ETC_DIR/caas-agent" ;;
        caas-agent-*)
            host=${name##*-}
            agent_config "$name" "$QUICKSTART_NAME-host-$host" \
                "$(host_socket "$host")" "$DATA_DIR/host-$host/agent" \
                "$QUICKSTART_FABRIC.$host"
            service_start "$name" nsenter "--net=$(host_netns "$host")" \
                "$VENV/bin/caas-agent" --config-dir "$ETC_DIR/$name" ;;
    esac
}

# What agents made outside the state directory and Docker. What is in a
# network namespace of ours goes with it.
agents_clean() {
    local link path
    for link in $(ip -o link show type bridge | awk -F': ' '{print $2}'); do
        if [[ $link == "$(bridge_prefix)-"* ]]; then
            ip link delete "$link"
        fi
    done
    chain_clean filter "$(bridge_prefix)"
    chain_clean nat "$(bridge_prefix)"
    # Mounts of volumes, the deepest first.
    awk -v dir="$QUICKSTART_DIR/" 'index($5, dir) == 1 { print $5 }' \
        /proc/self/mountinfo | sort -r | while read -r path; do
        umount --lazy "$path"
    done
    find /sys/fs/cgroup -depth -type d \
        \( -path "/sys/fs/cgroup/$QUICKSTART_NAME" \
        -o -path "/sys/fs/cgroup/*/$QUICKSTART_NAME" \
        -o -path "*/$QUICKSTART_NAME/*" \) \
        -exec rmdir {} + 2>/dev/null || true
}

# chain_clean TABLE PREFIX: remove the agent's chains and the jumps to them.
chain_clean() {
    local table=$1 prefix=${2^^} rule rules
    rules=$(iptables -w 10 -t "$table" -S 2>/dev/null) || return 0
    while read -r rule; do
        if [[ $rule =~ ^-A\ .*\ -j\ $prefix-(FORWARD|POSTROUTING)$ ]]; then
            # shellcheck disable=SC2086  # words of a rule
            iptables -w 10 -t "$table" -D ${rule#-A }
        fi
    done <<<"$rules"
    for rule in FORWARD POSTROUTING; do
        if [[ $rules == *"-N $prefix-$rule"* ]]; then
            iptables -w 10 -t "$table" -F "$prefix-$rule"
            iptables -w 10 -t "$table" -X "$prefix-$rule"
        fi
    done
}
