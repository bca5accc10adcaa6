# shellcheck shell=bash
# Docker Engines: the one of this machine, or ours when it has none; with
# --hosts one in the network namespace of each host.

DOCKER_SOCKET=/var/run/docker.sock

docker_answers() {
    [[ -S $1 ]] && curl --silent --fail --max-time 10 --output /dev/null \
        --unix-socket "$1" http://docker/_ping
}

host_socket() {
    printf '%s' "$RUN_DIR/host-$1/docker.sock"
}

docker_up() {
    local host pid pids=()
    if ((QUICKSTART_HOSTS == 0)); then
        if ! docker_answers "$DOCKER_SOCKET"; then
            engine_start dockerd "$DOCKER_SOCKET" "$DATA_DIR/docker" "$RUN_DIR/docker"
        fi
        return
    fi
    fabric_up
    for ((host = 1; host <= QUICKSTART_HOSTS; host++)); do
        host_up "$host" &
        pids+=("$!")
    done
    for pid in "${pids[@]}"; do
        wait "$pid"
    done
}

host_up() {
    fabric_up
    host_network_up "$1"
    # nsenter, as `ip netns exec` mounts a new /sys, without cgroups.
    engine_start "dockerd-$1" "$(host_socket "$1")" \
        "$DATA_DIR/host-$1/docker" "$RUN_DIR/host-$1/docker" \
        nsenter "--net=$(host_netns "$1")"
}

# engine_start SERVICE SOCKET DATA_ROOT EXEC_ROOT [COMMAND...]: start a
# dockerd, by way of COMMAND, whose containers outlive it.
engine_start() {
    local name=$1 socket=$2 data=$3 exec_root=$4
    shift 4
    if service_running "$name"; then
        service_ready "$name" 120 docker_answers "$socket"
        return
    fi
    mkdir -p "$data" "$exec_root" "$ETC_DIR/$name"
    # /etc/docker/daemon.json, if there is one, is another Engine's.
    cat >"$ETC_DIR/$name/daemon.json" <<EOF
{
  "hosts": ["unix://$socket"],
  "data-root": "$data",
  "exec-root": "$exec_root",
  "pidfile": "$RUN_DIR/$name.engine.pid",
  "live-restore": true
}
EOF
    # Left behind by a killed dockerd, these would keep the next from start.
    rm -f "$RUN_DIR/$name.engine.pid" "$exec_root/containerd/containerd.pid"
    # Where containerd runs as a service, Engines share it, each in namespaces
    # of its own; else each starts one.
    service_start "$name" "$@" dockerd \
        --config-file "$ETC_DIR/$name/daemon.json" \
        --containerd-namespace "$(engine_namespace "$name")" \
        --containerd-plugins-namespace "$(engine_namespace "$name")-plugins"
    service_ready "$name" 120 docker_answers "$socket"
}

engine_namespace() {
    printf '%s' "$QUICKSTART_NAME-$1"
}

# engine_empty SOCKET [DOCKER_PS_FILTER...]: remove containers from an Engine.
engine_empty() {
    local socket=$1 containers
    shift
    docker_answers "$socket" || return 0
    mapfile -t containers < <(
        docker -H "unix://$socket" ps --all --quiet --no-trunc "$@"
    )
    ((${#containers[@]})) || return 0
    say "Removing ${#containers[@]} containers"
    docker -H "unix://$socket" rm --force --volumes "${containers[@]}" >/dev/null
}

# Images are shared by all agents of an Engine: the last to go takes them.
engine_forget_images() {
    local engine=(docker -H "unix://$1") images
    docker_answers "$1" || return 0
    [[ -z $("${engine[@]}" ps --all --quiet \
        --filter "label=$DEPLOYMENT_LABEL") ]] || return 0
    mapfile -t images < <(
        "${engine[@]}" images --quiet --filter 'reference=caas.local/*' |
            sort -u
    )
    ((${#images[@]})) || return 0
    "${engine[@]}" rmi --force "${images[@]}" >/dev/null ||
        say "Images that containers of others use are left."
}

# What is of this stack leaves the machine's Engine; an Engine of ours is
# emptied, as its directory goes next.
docker_clean() {
    local host name
    if service_running dockerd || [[ -d $DATA_DIR/docker ]]; then
        if ! docker_answers "$DOCKER_SOCKET"; then
            revive dockerd engine_start dockerd "$DOCKER_SOCKET" \
                "$DATA_DIR/docker" "$RUN_DIR/docker"
        fi
    fi
    engine_empty "$DOCKER_SOCKET" --filter "label=$DEPLOYMENT_LABEL=$QUICKSTART_NAME"
    engine_forget_images "$DOCKER_SOCKET"
    for ((host = 1; host <= QUICKSTART_HOSTS; host++)); do
        [[ -d $DATA_DIR/host-$host ]] || continue
        name=dockerd-$host
        revive "$name" host_up "$host"
        engine_empty "$(host_socket "$host")"
    done
}

# revive SERVICE COMMAND...: bring an Engine up, so that it can be emptied;
# if that fails, kill what runs in its name.
revive() {
    local name=$1 cmdline pid
    shift
    if ("$@") 3>&1 >>"$(service_log "$name")" 2>&1; then
        return
    fi
    say "$name cannot be started; killing its containers"
    for cmdline in /proc/[0-9]*/cmdline; do
        if [[ $(process_words "$cmdline") == *"containerd-shim"*" -namespace $(engine_namespace "$name") "* ]]; then
            pid=${cmdline//[!0-9]/}
            # shellcheck disable=SC2046  # a list
            kill -KILL $(cat "/proc/$pid/task/"*/children) "$pid" || true
        fi
    done
}

# process_words FILE: a command line; nothing if the process has ended.
process_words() {
    { tr '\0' ' ' <"$1"; } 2>/dev/null || true
}
