# shellcheck shell=bash
# Swift, for --image-store swift: Glance keeps images in it.

swift_packages() {
    [[ $QUICKSTART_IMAGE_STORE == file ]] || echo swift python-swiftclient
}

swift_up() {
    [[ $QUICKSTART_IMAGE_STORE == swift ]] || return 0
    if ! service_running swift; then
        mkdir -p "$DATA_DIR/swift"
        # Tokens are checked by the user that Glance has already.
        service_start swift env SWIFT_PASSWORD="$GLANCE_PASSWORD" \
            "$VENV/bin/python" "$HERE/lib/swift_server.py" \
            "$DATA_DIR/swift" "$QUICKSTART_SWIFT_PORT" \
            --keystone "$KEYSTONE_URL" --user glance --project service
    fi
    service_ready swift 120 http_ok \
        "http://127.0.0.1:$QUICKSTART_SWIFT_PORT/healthcheck"
}

# The endpoint of the catalog; nothing if there is none.
swift_account() {
    [[ $QUICKSTART_IMAGE_STORE == file ]] ||
        echo "http://127.0.0.1:$QUICKSTART_SWIFT_PORT/v1/AUTH_%(project_id)s"
}

# What Glance says of the store.
swift_store() {
    cat <<EOF_STORE
swift_store_auth_version = 3
swift_store_auth_address = $KEYSTONE_URL
swift_store_user = service:glance
swift_store_key = $GLANCE_PASSWORD
swift_store_region = $REGION
swift_store_create_container_on_put = true
EOF_STORE
}
