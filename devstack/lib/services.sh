# shellcheck shell=bash
# Long-running processes: start, stop, look, log.
#
# A service is a session of its own with a PID file that also holds the start
# time of the process, so that a PID used again is never taken for ours.

# Own services, in the order of their start. Machine services (a Docker
# Engine, RabbitMQ, a database server) are here only when we started them.
service_names() {
    local host
    printf '%s\n' dockerd rabbitmq mariadb postgresql
    for ((host = 1; host <= QUICKSTART_HOSTS; host++)); do
        printf 'dockerd-%d\n' "$host"
    done
    echo keystone
    [[ $QUICKSTART_IMAGE_STORE == file ]] || echo swift
    [[ $QUICKSTART_HEAT == no ]] || printf '%s\n' heat-engine heat-api
    printf '%s\n' glance caas-api caas-registry caas-conductor \
        caas-console caas-ssh
    if ((QUICKSTART_HOSTS == 0)); then
        printf '%s\n' caas-agent
    fi
    for ((host = 1; host <= QUICKSTART_HOSTS; host++)); do
        printf 'caas-agent-%d\n' "$host"
    done
}

service_log() {
    printf '%s' "$LOG_DIR/$1.log"
}

# When a process started, in clock ticks since boot; nothing for a zombie.
process_start() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    # The name, in parentheses, may hold anything.
    read -ra stat <<<"${stat##*) }"
    [[ ${stat[0]} != [ZX] ]] || return 1
    printf '%s' "${stat[19]}"
}

# The PID of a running service.
service_pid() {
    local pid start
    read -r pid start 2>/dev/null <"$RUN_DIR/$1.pid" || return 1
    [[ $(process_start "$pid") == "$start" ]] || return 1
    printf '%s' "$pid"
}

service_running() {
    service_pid "$1" >/dev/null
}

# service_start NAME COMMAND...: does nothing when the service runs.
service_start() {
    local name=$1
    shift
    if service_running "$name"; then
        return
    fi
    say "Starting $name"
    # shellcheck disable=SC2016  # expanded by the inner shell
    setsid --fork bash -c '
        pidfile=$1
        shift
        stat=$(cat "/proc/$$/stat")
        read -ra stat <<<"${stat##*) }"
        echo "$$ ${stat[19]}" >"$pidfile.new"
        mv "$pidfile.new" "$pidfile"
        exec "$@"
    ' quickstart-service "$RUN_DIR/$name.pid" "$@" \
        </dev/null >>"$(service_log "$name")" 2>&1 3>&- 9>&-
    wait_until 5 service_pid "$name" ||
        fail "$name ended as soon as it was started." "$(service_log "$name")"
}

# service_ready NAME SECONDS CONDITION...: wait until a started service
# answers; one that ends meanwhile fails at once.
service_ready() {
    local name=$1 deadline=$((SECONDS + $2))
    shift 2
    until "$@" >/dev/null 2>&1; do
        service_running "$name" ||
            fail "$name ended while starting." "$(service_log "$name")"
        ((SECONDS < deadline)) ||
            fail "$name runs but does not answer." "$(service_log "$name")"
        sleep 0.1
    done
}

# service_stop NAME: TERM, then KILL for what does not go.
service_stop() {
    local name=$1 pid
    if pid=$(service_pid "$name"); then
        kill -TERM "$pid" 2>/dev/null || true
        if ! wait_until 20 service_gone "$name"; then
            say "$name does not end on SIGTERM; killed"
            kill -KILL "$pid" 2>/dev/null || true
            wait_until 5 service_gone "$name" ||
                fail "$name (PID $pid) cannot be killed." "$(service_log "$name")"
        fi
        # Workers a killed master left behind share its process group.
        kill -KILL -- "-$pid" 2>/dev/null || true
    fi
    rm -f "$RUN_DIR/$name.pid"
}

service_gone() {
    ! service_running "$1"
}

# A sentence now is better than a traceback in a log later.
claim_ports() {
    claim_port keystone QUICKSTART_KEYSTONE_PORT
    claim_port glance QUICKSTART_GLANCE_PORT
    if [[ $QUICKSTART_IMAGE_STORE == swift ]]; then
        claim_port swift QUICKSTART_SWIFT_PORT
    fi
    if [[ $QUICKSTART_HEAT == yes ]]; then
        claim_port heat-api QUICKSTART_HEAT_PORT
    fi
    claim_broker
    claim_port caas-api QUICKSTART_CAAS_PORT
    claim_port caas-console QUICKSTART_CONSOLE_PORT
    claim_port caas-ssh QUICKSTART_SSH_PORT
    claim_port caas-registry QUICKSTART_REGISTRY_PORT
    if ((QUICKSTART_HOSTS == 0)); then
        claim_port caas-agent QUICKSTART_STREAMS_PORT
    fi
}

# claim_port SERVICE SETTING: fail if the port is taken by another program.
claim_port() {
    local name=$1 port=${!2}
    service_running "$name" && return
    # What was killed a moment ago may not have let go of it yet.
    if ! wait_until 5 port_closed "$port"; then
        fail "Port $port, where $name should listen, is taken by another program ($(port_owner "$port")). Stop that, or set $2 to a free port."
    fi
}

port_closed() {
    ! port_open "$1"
}

port_owner() {
    local owner
    owner=$(ss -Hltnp "sport = :$1" 2>/dev/null |
        grep -o '"[^"]*",pid=[0-9]*' | head -n 1 | tr -d '"') || true
    printf '%s' "${owner:-not known which}"
}
