# shellcheck shell=bash
# Debian packages and the Python environment.

# Packages for what is missing; a Docker Engine, a broker or a database from
# elsewhere is taken as it is.
wanted_packages() {
    local package
    for package in ca-certificates curl iproute2 iptables util-linux; do
        dpkg_has "$package" || echo "$package"
    done
    dpkg_has busybox-static || echo busybox-static
    if ! command -v dockerd >/dev/null && ! docker_answers "$DOCKER_SOCKET"; then
        echo docker.io
        # Without it an Engine starts no container where AppArmor is on.
        if [[ -e /sys/module/apparmor ]]; then
            dpkg_has apparmor || echo apparmor
        fi
    fi
    if ! command -v docker >/dev/null; then
        # A package of its own since Debian 13.
        ! apt_knows docker-cli || echo docker-cli
    fi
    command -v rabbitmqctl >/dev/null || echo rabbitmq-server
    command -v ssh-keygen >/dev/null || echo openssh-client
    find_python >/dev/null || echo python3-venv
    case $QUICKSTART_DATABASE in
        mariadb) dpkg_has mariadb-server || echo mariadb-server ;;
        postgresql) dpkg_has postgresql || echo postgresql ;;
    esac
}

dpkg_has() {
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

apt_knows() {
    [[ $(apt-cache policy "$1" 2>/dev/null) == *Candidate:\ [0-9]* ]]
}

install_packages() {
    local log=$LOG_DIR/apt.log wanted missing=()
    # The name of the client's package is known from the lists only.
    if ! command -v docker >/dev/null; then
        refresh_apt_lists
    fi
    mapfile -t missing < <(wanted_packages)
    ((${#missing[@]})) || return 0
    wanted=${missing[*]}
    say "Installing Debian packages: $wanted"
    refresh_apt_lists
    apt_get install "${missing[@]}" >>"$log" 2>&1 ||
        fail "apt-get could not install: $wanted" "$log"
}

apt_get() {
    DEBIAN_FRONTEND=noninteractive apt-get \
        --quiet --yes --no-install-recommends \
        -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 "$@"
}

# Fetch package lists, unless they are there and of today.
refresh_apt_lists() {
    local fresh
    fresh=$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' \
        -mmin -1440 -print -quit 2>/dev/null) || true
    [[ -z $fresh ]] || return 0
    say "Fetching Debian package lists"
    apt_get update >>"$LOG_DIR/apt.log" 2>&1 ||
        fail "apt-get update failed." "$LOG_DIR/apt.log"
}

# A Python that is new enough and can make virtual environments.
find_python() {
    local python
    for python in python3 python3.13 python3.12 python3.11; do
        if "$python" -c 'import ensurepip, sys, venv
sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            command -v "$python"
            return
        fi
    done
    return 1
}

# install_venv VENV ARGUMENT...: make a Python environment, or bring it up to
# date, with caas, its client, and what the arguments tell uv to install.
install_venv() {
    local venv=$1 python
    shift
    python=$(wanted_python)
    ! venv_is_made "$venv" "$python" "$@" || return 0
    say "Installing Python packages into $venv ($("$python" -V))"
    # One made by another Python cannot be brought up to date.
    if [[ $("$venv/bin/python" -V 2>/dev/null) != "$("$python" -V)" ]]; then
        rm -rf "$venv"
    fi
    [[ -x $venv/bin/pip ]] || "$python" -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check \
        --constraint "$REPO/constraints.txt" uv
    uv_install "$venv" "$venv" "$REPO/constraints.txt" \
        --editable "$REPO" --editable "$REPO/client" "$@"
    venv_stamp "$python" "$@" >"$venv/stamp"
}

# install_venv_of NAME FOLDER VENV: an environment of its own for what does not
# go with all else, devstack/venvs/NAME.in, by the uv of another.
install_venv_of() {
    local name=$1 folder=$2 venv=$3 python constraints=$REPO/constraints.txt
    python=$(wanted_python)
    ! venv_is_made "$folder" "$python" "$name" || return 0
    [[ ! -e $REPO/devstack/venvs/$name.txt ]] ||
        constraints=$REPO/devstack/venvs/$name.txt
    say "Installing Python packages into $folder"
    rm -rf "$folder"
    "$venv/bin/uv" venv --quiet --python "$python" "$folder"
    uv_install "$venv" "$folder" "$constraints" \
        --requirement "$REPO/devstack/venvs/$name.in"
    venv_stamp "$python" "$name" >"$folder/stamp"
}

wanted_python() {
    find_python ||
        fail "No Python from 3.11 to 3.13 with the venv module was found."
}

# venv_stamp PYTHON ARGUMENT...: of what an environment is made.
venv_stamp() {
    {
        echo "$REPO $*"
        "$1" -V
        cat "$REPO"/{constraints.txt,pyproject.toml} \
            "$REPO"/{client,glance}/pyproject.toml \
            "$REPO"/devstack/{requirements.in,venvs/*}
    } | sha256sum
}

# venv_is_made VENV PYTHON ARGUMENT...: while its stamp is the same, there is
# nothing to do.
venv_is_made() {
    local venv=$1
    shift
    [[ $(cat "$venv/stamp" 2>/dev/null) == "$(venv_stamp "$@")" ]]
}

# uv_install VENV_OF_UV VENV CONSTRAINTS ARGUMENT...
uv_install() (
    # uv looks for packages where pip is told to.
    # shellcheck source=/dev/null
    source <("$1/bin/python" "$REPO/devstack/lib/pip_to_uv.py")
    "$1/bin/uv" pip install --quiet --no-progress --python "$2/bin/python" \
        --constraint "$3" --build-constraint "$3" "${@:4}"
)
