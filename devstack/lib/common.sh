# shellcheck shell=bash
# Words to the user, failing, waiting, and jobs that run side by side.
#
# File descriptor 3 is the terminal: inside a job stdout and stderr go to the
# job's log, and what the user should see goes through say.

exec 3>&1

say() {
    printf '[%3ds] %s\n' "$SECONDS" "$*" >&3
}

# fail SENTENCE [LOG]: say what failed, show the end of the log that tells
# why, and end the job or the script.
fail() {
    {
        printf '\n[%3ds] FAILED: %s\n' "$SECONDS" "$1"
        if [[ -n ${2-} && -s $2 ]]; then
            printf '       log: %s, which ends with\n' "$2"
            tail -n 15 "$2" | cut -c 1-300 | sed 's/^/       | /'
        fi
    } >&3
    exit 70
}

# wait_until SECONDS CONDITION...: poll a condition until it holds.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

port_open() {
    (exec 4<>"/dev/tcp/${2-127.0.0.1}/$1") 2>/dev/null
}

# Whether an HTTP server answers at all, whatever it thinks of the request.
http_answers() {
    curl --noproxy '*' --silent --max-time 5 --output /dev/null "$1"
}

http_ok() {
    curl --noproxy '*' --silent --fail --max-time 5 --output /dev/null "$@"
}

random_hex() {
    od -An -N "${1-16}" -tx1 /dev/urandom | tr -d ' \n'
}

fernet_key() {
    head -c 32 /dev/urandom | base64 | tr '+/' '-_'
}

# Jobs: functions that run side by side, each with a log of its own. They are
# process groups (set -m), so that a failure can end those still running.

declare -A JOB_PIDS=()

job_log() {
    printf '%s' "$LOG_DIR/setup-$1.log"
}

# job NAME FUNCTION [ARGUMENT...]
job() {
    local name=$1 log
    shift
    log=$(job_log "$name")
    rm -f "$log.status"
    set -m
    (
        set +m -e
        # shellcheck disable=SC2064  # the name as it is now
        trap "echo \$? >'$log.status'" EXIT
        "$@"
    ) >"$log" 2>&1 9>&- &
    set +m
    JOB_PIDS[$name]=$!
}

# join NAME...: wait for jobs. If one fails, be it another, that is the end.
join() {
    local name
    for name; do
        while [[ -v JOB_PIDS[$name] ]]; do
            look_at_jobs
            sleep 0.05
        done
    done
}

look_at_jobs() {
    local name log status ended
    for name in "${!JOB_PIDS[@]}"; do
        log=$(job_log "$name")
        ended=
        kill -0 "${JOB_PIDS[$name]}" 2>/dev/null || ended=killed
        status=$(cat "$log.status" 2>/dev/null) || true
        status=${status:-$ended}
        [[ -n $status ]] || continue
        unset "JOB_PIDS[$name]"
        rm -f "$log.status"
        case $status in
            0) ;;
            # It has said what failed.
            70) exit 70 ;;
            *) fail "Setting up $name failed." "$log" ;;
        esac
    done
}

end_jobs() {
    local pid
    for pid in "${JOB_PIDS[@]}"; do
        kill -- "-$pid" 2>/dev/null || true
    done
}
