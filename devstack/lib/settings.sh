# shellcheck shell=bash disable=SC2034  # used by the other files
# Where the stack lives, its ports, its options and its passwords.

# Settings of a stack, and their defaults. They may be given in the
# environment when the stack is made; later commands read what was kept.
declare -A DEFAULTS=(
    # Part of the names of all that lies outside the state directory: vhost,
    # network namespaces, bridges, cgroups, labels of containers. Two stacks
    # on one machine need two names, two sets of ports and two networks.
    [QUICKSTART_NAME]=caas
    [QUICKSTART_KEYSTONE_PORT]=5000
    [QUICKSTART_GLANCE_PORT]=9292
    # Of --heat.
    [QUICKSTART_HEAT_PORT]=8004
    [QUICKSTART_CAAS_PORT]=9517
    [QUICKSTART_STREAMS_PORT]=9518
    [QUICKSTART_CONSOLE_PORT]=9519
    [QUICKSTART_SSH_PORT]=9522
    [QUICKSTART_REGISTRY_PORT]=9523
    # And the three that follow; of --image-store swift.
    [QUICKSTART_SWIFT_PORT]=8080
    [QUICKSTART_RABBITMQ_PORT]=5672
    [QUICKSTART_MARIADB_PORT]=3306
    [QUICKSTART_POSTGRESQL_PORT]=5432
    # Addresses of sets.
    [QUICKSTART_CIDR]=10.89.0.0/16
    # Network (a /24) between this machine and the hosts of --hosts.
    [QUICKSTART_FABRIC]=10.98.0
    # --hosts, --database, --stock-glance, --image-store and --heat.
    [QUICKSTART_HOSTS]=0
    [QUICKSTART_DATABASE]=sqlite
    [QUICKSTART_GLANCE]=guarded
    [QUICKSTART_IMAGE_STORE]=file
    [QUICKSTART_HEAT]=no
)

QUICKSTART_DIR=${QUICKSTART_DIR:-/var/lib/caas-quickstart}
LOG_DIR=$QUICKSTART_DIR/log
ETC_DIR=$QUICKSTART_DIR/etc
DATA_DIR=$QUICKSTART_DIR/data
VENV=$QUICKSTART_DIR/venv
REGION=RegionOne
# Where compute is caas: sets are servers there.
SETS_REGION=$REGION-caas

stack_exists() {
    [[ -e $QUICKSTART_DIR/settings ]]
}

# Read what the stack was made with. A setting of the environment that says
# otherwise is refused: what was made would have to be made anew.
load_settings() {
    local name kept
    declare -A kept_values=()
    if stack_exists; then
        while IFS='=' read -r name kept; do
            kept_values[$name]=$kept
        done <"$QUICKSTART_DIR/settings"
    fi
    for name in "${!DEFAULTS[@]}"; do
        kept=${kept_values[$name]-}
        if [[ -n $kept && -n ${!name-} && ${!name} != "$kept" ]]; then
            if [[ ${command-up} == up ]]; then
                settle_change "$name" "$kept" "${!name}"
            else
                # there is one such stack, and it is the one that is meant
                printf -v "$name" %s "$kept"
            fi
        fi
        printf -v "$name" %s "${!name:-${kept:-${DEFAULTS[$name]}}}"
    done
    # Out of the way of services and tools, which must not be misled.
    export -n "${!DEFAULTS[@]}"

    [[ $QUICKSTART_NAME =~ ^[a-z][a-z0-9]{0,7}$ ]] ||
        fail "QUICKSTART_NAME must be up to 8 letters and digits, not '$QUICKSTART_NAME'."
    [[ $QUICKSTART_HOSTS =~ ^[0-9]{1,2}$ ]] ||
        fail "--hosts wants a number up to 99, not '$QUICKSTART_HOSTS'."
    case $QUICKSTART_DATABASE in
        sqlite | mariadb | postgresql) ;;
        *) fail "--database wants sqlite, mariadb or postgresql, not '$QUICKSTART_DATABASE'." ;;
    esac

    case $QUICKSTART_GLANCE in
        guarded | stock) ;;
        *) fail "QUICKSTART_GLANCE must be guarded or stock, not '$QUICKSTART_GLANCE'." ;;
    esac
    case $QUICKSTART_IMAGE_STORE in
        file | swift) ;;
        *) fail "--image-store wants file or swift, not '$QUICKSTART_IMAGE_STORE'." ;;
    esac

    case $QUICKSTART_HEAT in
        no | yes) ;;
        *) fail "QUICKSTART_HEAT must be no or yes, not '$QUICKSTART_HEAT'." ;;
    esac

    # Sockets and PID files: short paths, gone after a reboot.
    RUN_DIR=/run/$QUICKSTART_NAME-quickstart
    KEYSTONE_URL=http://127.0.0.1:$QUICKSTART_KEYSTONE_PORT/v3
    GLANCE_URL=http://127.0.0.1:$QUICKSTART_GLANCE_PORT
    CAAS_URL=http://127.0.0.1:$QUICKSTART_CAAS_PORT
    REGISTRY_URL=https://127.0.0.1:$QUICKSTART_REGISTRY_PORT
    CONSOLE_URL=ws://127.0.0.1:$QUICKSTART_CONSOLE_PORT
    FABRIC_ADDRESS=$QUICKSTART_FABRIC.254
    # How agents reach RabbitMQ and the registry.
    CONTROL_ADDRESS=127.0.0.1
    ((QUICKSTART_HOSTS == 0)) || CONTROL_ADDRESS=$FABRIC_ADDRESS
}

settle_change() {
    local name=$1 kept=$2 wanted=$3
    # Hosts can be added to a stack that has some.
    if [[ $name == QUICKSTART_HOSTS ]] && ((kept > 0 && wanted > kept)); then
        return
    fi
    # And Heat to one that has none.
    [[ $name=$wanted != QUICKSTART_HEAT=yes ]] || return 0
    fail "This stack ($QUICKSTART_DIR) was made with $name=$kept, not $wanted. Run '$0 clean' first, or choose another QUICKSTART_DIR."
}

save_settings() {
    local name
    for name in "${!DEFAULTS[@]}"; do
        printf '%s=%s\n' "$name" "${!name}"
    done | sort >"$QUICKSTART_DIR/settings"
}

# Passwords are random, made once, and readable by root only.
SECRETS=(
    ADMIN_PASSWORD DEMO_PASSWORD VIEWER_PASSWORD
    CAAS_PASSWORD CAAS_SSH_PASSWORD GLANCE_PASSWORD HEAT_PASSWORD HEAT_KEY
    RABBITMQ_PASSWORD DATABASE_PASSWORD
)

load_secrets() {
    local name file=$QUICKSTART_DIR/secrets
    if [[ ! -e $file ]]; then
        (
            umask 077
            {
                for name in "${SECRETS[@]}"; do
                    printf '%s=%s\n' "$name" "$(random_hex)"
                done
                printf 'PULL_KEY=%s\n' "$(fernet_key)"
            } >"$file.new"
        )
        mv "$file.new" "$file"
    fi
    # shellcheck disable=SC1090
    source "$file"
}

# Services and tools run with an environment of ours: nothing of OpenStack's,
# of Python's or of a proxy's may come from the caller.
clean_environment() {
    local name
    for name in "${!OS_@}"; do unset "$name"; done
    unset PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE PYTHONUNBUFFERED
    unset VIRTUAL_ENV CAAS_CONFIG_DIR DOCKER_HOST DOCKER_CONTEXT
    export no_proxy=127.0.0.1,localhost,$FABRIC_ADDRESS${no_proxy:+,$no_proxy}
    export NO_PROXY=$no_proxy
    export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
    export LC_ALL=C.UTF-8
}
