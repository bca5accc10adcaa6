# shellcheck shell=bash
# Keystone, and what this stack registers in it.

keystone_config() {
    local etc=$ETC_DIR/keystone
    mkdir -p "$etc" "$DATA_DIR/keystone"
    cat >"$etc/keystone.conf" <<EOF
[DEFAULT]
use_stderr = true
public_endpoint = ${KEYSTONE_URL%/v3}

[database]
connection = sqlite:///$DATA_DIR/keystone/keystone.sqlite

[token]
provider = fernet
expiration = 14400

[identity]
# As much of a password as bcrypt looks at; Keystone warns of more.
max_password_length = 72

[fernet_tokens]
key_repository = $DATA_DIR/keystone/fernet-keys

[fernet_receipts]
key_repository = $DATA_DIR/keystone/fernet-keys

[credential]
key_repository = $DATA_DIR/keystone/credential-keys

[oslo_policy]
enforce_scope = true
enforce_new_defaults = true
EOF
    uwsgi_config keystone keystone.wsgi.api:application 2 4 \
        "127.0.0.1:$QUICKSTART_KEYSTONE_PORT"
}

keystone_up() {
    if ! service_running keystone; then
        keystone_config
        keystone_make
        uwsgi_start keystone OS_KEYSTONE_CONFIG_DIR="$ETC_DIR/keystone"
    fi
    service_ready keystone 120 http_ok "$KEYSTONE_URL"
}

# Tables, keys, the administrator and the identity service's own entry.
keystone_make() {
    local data=$DATA_DIR/keystone
    [[ ! -e $data/made ]] || return 0
    fernet_repository "$data/fernet-keys"
    fernet_repository "$data/credential-keys"
    keystone_manage db_sync
    OS_BOOTSTRAP_PASSWORD=$ADMIN_PASSWORD keystone_manage bootstrap \
        --bootstrap-admin-url "$KEYSTONE_URL" \
        --bootstrap-internal-url "$KEYSTONE_URL" \
        --bootstrap-public-url "$KEYSTONE_URL" \
        --bootstrap-region-id "$REGION"
    touch "$data/made"
}

# What keystone-manage fernet_setup and credential_setup do, some seconds
# faster: the staged key 0 and the primary key 1.
fernet_repository() {
    (
        umask 077
        mkdir -p "$1"
        fernet_key >"$1/0"
        fernet_key >"$1/1"
    )
}

keystone_manage() {
    "$VENV/bin/keystone-manage" --config-dir "$ETC_DIR/keystone" "$@"
}

# Services, projects and users.
identity_make() {
    local done=$DATA_DIR/keystone/registered
    ! with_heat || done+=-with-heat
    [[ ! -e $done ]] || return 0
    env ADMIN_PASSWORD="$ADMIN_PASSWORD" CAAS_PASSWORD="$CAAS_PASSWORD" \
        CAAS_SSH_PASSWORD="$CAAS_SSH_PASSWORD" \
        GLANCE_PASSWORD="$GLANCE_PASSWORD" HEAT_PASSWORD="$HEAT_PASSWORD" \
        DEMO_PASSWORD="$DEMO_PASSWORD" VIEWER_PASSWORD="$VIEWER_PASSWORD" \
        "$VENV/bin/python" "$HERE/lib/identity.py" \
        --keystone "$KEYSTONE_URL" --glance "$GLANCE_URL" \
        --caas "$CAAS_URL/v1" \
        --swift "$(swift_account)" --heat "$(heat_url)"
    touch "$done"
}
