#!/bin/bash
# DevStack plugin of caas. In the [[local|localrc]] section of local.conf:
#
#   enable_plugin caas <URL of this repository>
#
# On a further machine that is only to run containers, besides what any
# multi-node DevStack needs there: ENABLED_SERVICES=caas-agent

# shellcheck disable=SC2154  # variables are DevStack's, and of settings

_XTRACE_CAAS=$(set +o | grep xtrace)
set +o xtrace

function is_caas_controller {
    is_service_enabled caas-api || is_service_enabled caas-conductor
}

function preinstall_caas {
    if is_service_enabled caas-agent; then
        if ! is_ubuntu; then
            die $LINENO "caas-agent is installed on Debian and Ubuntu only"
        fi
        install_package iptables iproute2 busybox-static
        # One from elsewhere does as well.
        if ! command -v dockerd >/dev/null; then
            install_package docker.io
        fi
        start_service docker
    fi
}

function install_caas {
    # Not setup_develop, which wants a setup.cfg.
    pip_install -e "${CAAS_DIR}[mysql,postgresql]"
    if is_service_enabled caas-registry; then
        pip_install gunicorn
    fi
    pip_install -e "$CAAS_DIR/client"
    if is_service_enabled g-api; then
        pip_install -e "$CAAS_DIR/glance"
    fi
}

function configure_caas {
    if is_caas_controller; then
        configure_caas_controller
    fi
    if is_service_enabled caas-agent; then
        configure_caas_agent
    fi
}

function configure_caas_controller {
    local key_file=$CAAS_CONF_DIR/pull_key
    sudo install -d -o "$STACK_USER" "$CAAS_CONF_DIR"
    rm -f "$CAAS_CONF"
    (umask 077 && touch "$CAAS_CONF")
    iniset "$CAAS_CONF" DEFAULT debug "$ENABLE_DEBUG_LOG_LEVEL"
    setup_logging "$CAAS_CONF"
    iniset_rpc_backend caas "$CAAS_CONF"
    iniset "$CAAS_CONF" database connection "$(database_connection_url caas)"
    configure_keystone_authtoken_middleware "$CAAS_CONF" caas
    configure_keystoneauth "$CAAS_CONF" caas glance
    iniset "$CAAS_CONF" glance region_name "$REGION_NAME"
    # who is admin may also see who has which role
    configure_keystoneauth "$CAAS_CONF" caas keystone
    iniset "$CAAS_CONF" keystone region_name "$REGION_NAME"
    iniset "$CAAS_CONF" network cidr "$CAAS_NETWORK_CIDR"
    if [[ ! -e $key_file ]]; then
        (umask 077 && "$(get_python_exec_prefix)/caas-manage" pull_key >"$key_file")
    fi
    iniset "$CAAS_CONF" pull keys "$(cat "$key_file")"
    iniset "$CAAS_CONF" registry public_url "$CAAS_REGISTRY_URL"
    configure_caas_certificate authority
    configure_caas_certificate proxy
    configure_caas_certificate server caas-registry \
        localhost 127.0.0.1 "$CAAS_SERVICE_HOST"
    iniset "$CAAS_CONF" proxy ca_file "$CAAS_CERTIFICATES/ca.crt"
    iniset "$CAAS_CONF" proxy cert_file "$CAAS_CERTIFICATES/caas-console.crt"
    iniset "$CAAS_CONF" proxy key_file "$CAAS_CERTIFICATES/caas-console.key"
    if [[ ! -e $CAAS_SSH_HOST_KEY ]]; then
        ssh-keygen -q -t ed25519 -N '' -C caas -f "$CAAS_SSH_HOST_KEY"
    fi
    iniset "$CAAS_CONF" ssh listen 0.0.0.0
    iniset "$CAAS_CONF" ssh port "$CAAS_SSH_PORT"
    iniset "$CAAS_CONF" ssh host_key_file "$CAAS_SSH_HOST_KEY"
    sudo install -d -m 0700 -o "$STACK_USER" "$DATA_DIR/caas-spool"
    iniset "$CAAS_CONF" registry spool_path "$DATA_DIR/caas-spool"
    iniset "$CAAS_CONF" console listen 0.0.0.0
    iniset "$CAAS_CONF" console port "$CAAS_CONSOLE_PORT"
    iniset "$CAAS_CONF" console url "ws://$CAAS_SERVICE_HOST:$CAAS_CONSOLE_PORT"
    cp "$CAAS_DIR/etc/caas/api-paste.ini" \
        "$CAAS_DIR/etc/caas/api_audit_map.conf" "$CAAS_CONF_DIR/"
    write_uwsgi_config "$CAAS_UWSGI_CONF" caas.wsgi.api:application \
        "" ":$CAAS_SERVICE_PORT" caas-api
    iniset "$CAAS_UWSGI_CONF" uwsgi need-app true
    iniset "$CAAS_UWSGI_CONF" uwsgi http-chunked-input true
}

# As doc/source/admin/glance.rst says.
function configure_caas_glance {
    local paste=${GLANCE_CONF_DIR:-/etc/glance}/glance-api-paste.ini
    if [[ $CAAS_GLANCE_FILTER == True ]] && ! grep -q '^\[filter:caas\]' "$paste"; then
        sed -i 's/^\(keystone.* = .*\bcontext\b\)/\1 caas/' "$paste"
        sed "s|^caas_url = .*|caas_url = $CAAS_URL|" \
            "$CAAS_DIR/etc/caas/glance-filter.ini" >>"$paste"
    fi
    "$(get_python_exec_prefix)/glance-manage" \
        --config-dir "${GLANCE_CONF_DIR:-/etc/glance}" \
        db_load_metadefs "$CAAS_DIR/etc/caas/metadefs" merge prefer_new
    if sudo systemctl --quiet is-active devstack@g-api.service; then
        restart_service devstack@g-api.service
    fi
}

# Made once; a second time it is there.
function configure_caas_certificate {
    "$(get_python_exec_prefix)/caas-manage" certificate "$@" \
        --folder "$CAAS_CERTIFICATES" || true
}

function configure_caas_agent {
    local host
    host=$(hostname)
    sudo install -d -o "$STACK_USER" "$CAAS_AGENT_CONF_DIR"
    sudo install -d "$CAAS_STATE_PATH"
    rm -f "$CAAS_AGENT_CONF"
    (umask 077 && touch "$CAAS_AGENT_CONF")
    iniset "$CAAS_AGENT_CONF" DEFAULT debug "$ENABLE_DEBUG_LOG_LEVEL"
    setup_logging "$CAAS_AGENT_CONF"
    iniset_rpc_backend caas "$CAAS_AGENT_CONF"
    iniset "$CAAS_AGENT_CONF" agent state_path "$CAAS_STATE_PATH"
    iniset "$CAAS_AGENT_CONF" pull endpoint "$CAAS_REGISTRY_URL"
    iniset "$CAAS_AGENT_CONF" pull ca_file "$CAAS_CERTIFICATES/ca.crt"
    if [[ -e $CAAS_CERTIFICATES/ca.key ]]; then
        configure_caas_certificate host "$host"
    fi
    iniset "$CAAS_AGENT_CONF" streams address "$HOST_IP"
    iniset "$CAAS_AGENT_CONF" streams ca_file "$CAAS_CERTIFICATES/ca.crt"
    iniset "$CAAS_AGENT_CONF" streams cert_file "$CAAS_CERTIFICATES/host-$host.crt"
    iniset "$CAAS_AGENT_CONF" streams key_file "$CAAS_CERTIFICATES/host-$host.key"
}

function init_caas {
    # admin, as it streams images of all projects to the hosts.
    create_service_user caas admin
    get_or_create_service caas caas "Containers as a Service"
    get_or_create_endpoint caas "$REGION_NAME" \
        "$CAAS_URL/v1" "$CAAS_URL/v1" "$CAAS_URL/v1"
    recreate_database caas
    "$(get_python_exec_prefix)/caas-manage" --config-dir "$CAAS_CONF_DIR" db sync
}

function start_caas {
    local bin
    bin=$(get_python_exec_prefix)
    run_process caas-api \
        "$(which uwsgi) --procname-prefix caas-api --ini $CAAS_UWSGI_CONF"
    # shellcheck disable=SC2086  # DevStack wants one word
    run_process caas-registry \
        "env CAAS_CONFIG_DIR=$CAAS_CONF_DIR $bin/gunicorn \
--config $CAAS_DIR/etc/caas/caas-registry-gunicorn.conf.py \
--bind 0.0.0.0:$CAAS_REGISTRY_PORT \
--certfile $CAAS_CERTIFICATES/caas-registry.crt \
--keyfile $CAAS_CERTIFICATES/caas-registry.key"
    run_process caas-conductor \
        "$bin/caas-conductor --config-dir $CAAS_CONF_DIR"
    run_process caas-console \
        "$bin/caas-console --config-dir $CAAS_CONF_DIR"
    run_process caas-ssh \
        "$bin/caas-ssh --config-dir $CAAS_CONF_DIR"
    run_process caas-agent \
        "$bin/caas-agent --config-dir $CAAS_AGENT_CONF_DIR" "" root
    if is_service_enabled caas-api; then
        wait_for_service "$SERVICE_TIMEOUT" "$CAAS_URL/healthcheck" ||
            die $LINENO "caas-api did not start"
    fi
}

function stop_caas {
    local service
    for service in caas-agent caas-ssh caas-console caas-conductor \
        caas-registry caas-api; do
        stop_process "$service"
    done
}

# Containers of sets, as unstack.sh leaves nothing of a cloud running, and
# what the agent knows of them.
function cleanup_caas {
    local containers
    containers=$(sudo docker ps --all --quiet \
        --filter label=caas.deployment) || true
    if [[ -n $containers ]]; then
        # shellcheck disable=SC2086  # a list
        sudo docker rm --force --volumes $containers
    fi
    sudo rm -rf "$CAAS_CONF_DIR" "$CAAS_AGENT_CONF_DIR" "$CAAS_STATE_PATH" \
        "$CAAS_CERTIFICATES"
}

if [[ $1 == stack && $2 == pre-install ]]; then
    echo_summary "Installing what caas needs"
    preinstall_caas
elif [[ $1 == stack && $2 == install ]]; then
    echo_summary "Installing caas"
    install_caas
elif [[ $1 == stack && $2 == post-config ]]; then
    echo_summary "Configuring caas"
    configure_caas
    if is_caas_controller; then
        init_caas
    fi
    if is_service_enabled g-api; then
        configure_caas_glance
    fi
elif [[ $1 == stack && $2 == extra ]]; then
    echo_summary "Starting caas"
    start_caas
elif [[ $1 == unstack ]]; then
    stop_caas
elif [[ $1 == clean ]]; then
    cleanup_caas
fi

$_XTRACE_CAAS
