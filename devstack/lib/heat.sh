# shellcheck shell=bash
# Heat, for --heat: stacks of servers, in both regions. It has packages of its
# own, as many as all else has.

HEAT_VENV=$QUICKSTART_DIR/venv-heat

with_heat() {
    [[ $QUICKSTART_HEAT == yes ]]
}

heat_config() {
    local etc=$ETC_DIR/heat
    mkdir -p "$etc" "$DATA_DIR/heat"
    cp "$HEAT_VENV/etc/heat/api-paste.ini" "$etc/"
    cp -r "$HEAT_VENV/etc/heat"/{environment.d,templates} "$etc/"
    cat >"$etc/heat.conf" <<EOF
[DEFAULT]
use_stderr = true
transport_url = $(transport_url)
auth_encryption_key = $HEAT_KEY
num_engine_workers = 1
environment_dir = $etc/environment.d
template_dir = $etc/templates
# Written into user_data, for tools in a VM; nothing is there.
heat_metadata_server_url = http://127.0.0.1:$QUICKSTART_HEAT_PORT

[paste_deploy]
api_paste_config = $etc/api-paste.ini

[database]
connection = sqlite:///$DATA_DIR/heat/heat.sqlite

[clients_keystone]
auth_uri = ${KEYSTONE_URL%/v3}

[trustee]
$(keystone_login heat "$HEAT_PASSWORD" | sed '/^project/d; /^region/d')

[keystone_authtoken]
$(keystone_login heat "$HEAT_PASSWORD")
www_authenticate_uri = $KEYSTONE_URL
service_token_roles_required = true
EOF
    uwsgi_config heat-api heat.wsgi.api:application 1 4 \
        "127.0.0.1:$QUICKSTART_HEAT_PORT"
    # It reads its options from the command line.
    echo "pyargv = --config-dir $etc" >>"$ETC_DIR/heat-api/uwsgi.ini"
}

# Where users find it; nothing without it.
heat_url() {
    ! with_heat || echo "http://127.0.0.1:$QUICKSTART_HEAT_PORT/v1/%(project_id)s"
}

heat_install() {
    ! with_heat || install_venv_of heat "$HEAT_VENV" "$VENV"
}

# Needs RabbitMQ, and is asked for nothing before its user is in Keystone.
heat_up() {
    with_heat || return 0
    if ! service_running heat-api || ! service_running heat-engine; then
        heat_config
        heat_make
        service_start heat-engine \
            "$HEAT_VENV/bin/heat-engine" --config-dir "$ETC_DIR/heat"
        VENV=$HEAT_VENV uwsgi_start heat-api
    fi
    service_ready heat-api 120 \
        http_ok "http://127.0.0.1:$QUICKSTART_HEAT_PORT/healthcheck"
}

heat_make() {
    [[ ! -e $DATA_DIR/heat/made ]] || return 0
    "$HEAT_VENV/bin/heat-manage" --config-dir "$ETC_DIR/heat" db_sync
    "$HEAT_VENV/bin/python" "$HERE/lib/heat_sqlite.py" "$DATA_DIR/heat/heat.sqlite"
    touch "$DATA_DIR/heat/made"
}
