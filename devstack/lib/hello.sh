# shellcheck shell=bash
# What the user sees work: flavors, a set, a page it serves, and a server.

FLAVORS=(
    # name vcpus MiB GiB
    'c1.tiny 0.1 64 1'
    'c1.small 0.5 256 2'
    'c1.medium 1 512 5'
    'c1.large 2 2048 10'
)

# openstack_as USER ARGUMENT...
openstack_as() {
    local cloud=caas-$1
    shift
    OS_CLIENT_CONFIG_FILE=$QUICKSTART_DIR/clouds.yaml OS_CLOUD=$cloud \
        "$VENV/bin/openstack" "$@"
}

flavors_make() {
    local done=$DATA_DIR/flavors-made flavor makers=() maker
    [[ ! -e $done ]] || return 0
    for flavor in "${FLAVORS[@]}"; do
        # shellcheck disable=SC2086  # words of a line
        flavor_make $flavor &
        makers+=("$!")
    done
    for maker in "${makers[@]}"; do
        wait "$maker"
    done
    touch "$done"
}

# flavor_make NAME VCPUS MIB GIB: unless it is there.
flavor_make() {
    openstack_as admin caas flavor create "$1" \
        --vcpus "$2" --memory "$3" --disk "$4" ||
        openstack_as admin caas flavor show "$1"
}

# Create the set and the server, unless they are there, and show what they do.
hello() {
    local file=$HERE/hello.yaml log=$LOG_DIR/hello.log there
    there=$(openstack_as demo caas set list -f value -c Name 2>"$log") ||
        fail "The sets cannot be listed." "$log"
    grep -qx hello-vm <<<"$there" || job server server_make
    if ! grep -qx hello <<<"$there"; then
        say "\$ openstack caas set create --file $file --wait"
        openstack_as demo caas set create --file "$file" --wait \
            >"$log" 2>&1 ||
            fail "The set hello did not become ACTIVE." "$log"
    fi
    job hello-place hello_place
    say "\$ openstack caas set list"
    openstack_as demo caas set list >&3
    join hello-place server
    job server-list server_list
    hello_fetch
    join server-list
    say "\$ openstack --os-region-name $SETS_REGION server list"
    cat "$LOG_DIR/server.log" >&3
}

# Create a server, as VMs are made. Its image is named by id, as not every
# Glance lets tools find a name with a colon; and has the one it keeps only when
# the archive that was put into Glance has become an image.
server_make() {
    local command
    wait_until 60 image_id || fail "The image does not become one of caas." \
        "$LOG_DIR/caas-conductor.log"
    command="--os-region-name $SETS_REGION server create hello-vm"
    command+=" --flavor c1.tiny --image $(cat "$RUN_DIR/image-id")"
    say "\$ openstack $command"
    # shellcheck disable=SC2086  # words
    openstack_as demo $command
}

image_id() {
    openstack_as demo caas image show admin/quickstart:1 -f value -c id \
        >"$RUN_DIR/image-id"
}

server_list() {
    openstack_as demo --os-region-name "$SETS_REGION" server list \
        >"$LOG_DIR/server.log"
}

# Address and host of the set, which a member is not told.
hello_place() {
    openstack_as admin caas set show hello --all-projects -f json |
        "$VENV/bin/python" -c '
import json, sys
shown = json.load(sys.stdin)
print(shown["addresses"][0]["address"], shown["host"])
' >"$RUN_DIR/hello-place"
}

hello_fetch() {
    local address host enter=()
    read -r address host <"$RUN_DIR/hello-place"
    if ((QUICKSTART_HOSTS > 0)); then
        # The addresses of sets are known on their host.
        enter=(nsenter "--net=$(host_netns "${host##*-}")")
    fi
    say "\$ ${enter[*]}${enter:+ }curl http://$address/"
    wait_until 20 hello_page "$address" "${enter[@]}" ||
        fail "The set hello is ACTIVE but serves no page." "$LOG_DIR/hello.log"
    cat "$LOG_DIR/hello.log" >&3
}

# hello_page ADDRESS [COMMAND...]: fetch it into hello.log by way of COMMAND.
hello_page() {
    "${@:2}" curl --noproxy '*' --silent --show-error --fail --max-time 10 \
        "http://$1/" >"$LOG_DIR/hello.log" 2>&1
}

what_next() {
    cat >&3 <<EOF

The stack runs. As the user demo:

  source $QUICKSTART_DIR/openrc
  openstack caas set show hello
  openstack caas set create second --flavor c1.tiny --image quickstart:1 \\
      --command 'sleep 1000' --wait
  openstack caas set update hello --env writer:WHO=me --wait
  openstack caas set history hello
  openstack caas event list
  openstack caas --help
  OS_REGION_NAME=$SETS_REGION openstack server create third \\
      --flavor c1.tiny --image IMAGE_ID --wait   # of: openstack image list
  docker login 127.0.0.1:$QUICKSTART_REGISTRY_PORT -u demo   # password: \$OS_PASSWORD
  docker push 127.0.0.1:$QUICKSTART_REGISTRY_PORT/demo/IMAGE:TAG

  $QUICKSTART_DIR/openrc-admin, openrc-viewer and clouds.yaml
  (clouds caas-demo, caas-viewer, caas-admin) are other ways in.

  $0 status | logs [SERVICE] [-f] | stop | start | clean
EOF
}
