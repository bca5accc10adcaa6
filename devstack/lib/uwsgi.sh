# shellcheck shell=bash
# WSGI services under uWSGI.

# uwsgi_config NAME MODULE PROCESSES THREADS ADDRESS:PORT...
uwsgi_config() {
    local name=$1 module=$2 processes=$3 threads=$4
    shift 4
    mkdir -p "$ETC_DIR/$name"
    # need-app: without it a service that cannot be loaded answers 500.
    # Connection: close, as uWSGI closes kept connections unannounced.
    # socket-timeout: else an upload breaks off when nothing comes for 4 s;
    # chunked-input: for bodies of unknown length, in pieces clients choose.
    cat >"$ETC_DIR/$name/uwsgi.ini" <<EOF
[uwsgi]
module = $module
$(printf 'http-socket = %s\n' "$@")
http-chunked-input = true
chunked-input-limit = 16777216
chunked-input-timeout = 120
socket-timeout = 120
add-header = Connection: close
master = true
processes = $processes
threads = $threads
lazy-apps = true
need-app = true
die-on-term = true
no-orphans = true
worker-reload-mercy = 10
buffer-size = 65535
disable-logging = true
procname-prefix-spaced = $name
EOF
}

# uwsgi_start NAME VARIABLE=VALUE...
uwsgi_start() {
    local name=$1
    shift
    service_start "$name" env "$@" \
        "$VENV/bin/uwsgi" --ini "$ETC_DIR/$name/uwsgi.ini"
}
