# shellcheck shell=bash
# Glance, with files or a Swift as its store.

glance_config() {
    local etc=$ETC_DIR/glance data=$DATA_DIR/glance store=swift
    # Records say in which store their bytes are, by this name.
    [[ $QUICKSTART_IMAGE_STORE == swift ]] || store=files
    mkdir -p "$etc" "$data"/{images,staging,tasks}
    cat >"$etc/glance-api.conf" <<EOF
[DEFAULT]
use_stderr = true
enabled_backends = $store:$QUICKSTART_IMAGE_STORE
enabled_import_methods = []

[database]
connection = sqlite:///$data/glance.sqlite

[paste_deploy]
flavor = keystone
config_file = $etc/glance-api-paste.ini

[glance_store]
default_backend = $store

[$store]
$(glance_store)

[os_glance_staging_store]
filesystem_store_datadir = $data/staging

[os_glance_tasks_store]
filesystem_store_datadir = $data/tasks

[keystone_authtoken]
$(keystone_login glance "$GLANCE_PASSWORD")
www_authenticate_uri = $KEYSTONE_URL
service_token_roles_required = true
EOF
    glance_paste >"$etc/glance-api-paste.ini"
    uwsgi_config glance glance_wsgi:application 2 8 \
        "127.0.0.1:$QUICKSTART_GLANCE_PORT"
}

glance_store() {
    case $QUICKSTART_IMAGE_STORE in
        file) echo "filesystem_store_datadir = $DATA_DIR/glance/images" ;;
        swift) swift_store ;;
    esac
}

# Glance's own, with the filter of caas as doc/source/admin/glance.rst says.
glance_paste() {
    local shipped=$VENV/etc/glance/glance-api-paste.ini
    if [[ $QUICKSTART_GLANCE == stock ]]; then
        cat "$shipped"
        return
    fi
    sed 's/^\(keystone.* = .*\bcontext\b\)/\1 caas/' "$shipped"
    echo
    sed "s|^caas_url = .*|caas_url = $CAAS_URL|" "$REPO/etc/caas/glance-filter.ini"
}

glance_up() {
    if ! service_running glance; then
        glance_config
        if [[ ! -e $DATA_DIR/glance/made ]]; then
            "$VENV/bin/glance-manage" --config-dir "$ETC_DIR/glance" db_sync
            touch "$DATA_DIR/glance/made"
        fi
        uwsgi_start glance OS_GLANCE_CONFIG_DIR="$ETC_DIR/glance" \
            PYTHONPATH="$HERE/lib"
    fi
    service_ready glance 120 http_answers "$GLANCE_URL/"
}

image_make() {
    local done=$DATA_DIR/glance/uploaded
    [[ ! -e $done ]] || return 0
    ADMIN_PASSWORD=$ADMIN_PASSWORD "$VENV/bin/python" \
        "$HERE/lib/image.py" --keystone "$KEYSTONE_URL" \
        --busybox /bin/busybox \
        --metadefs "$REPO/etc/caas/metadefs/caas-image.json"
    touch "$done"
}

# keystone_login USER PASSWORD: options of keystoneauth for a service user.
keystone_login() {
    cat <<EOF
auth_type = password
auth_url = $KEYSTONE_URL
username = $1
password = $2
user_domain_name = Default
project_name = service
project_domain_name = Default
region_name = $REGION
EOF
}

# keystone_reader USER PASSWORD: the same, for one who reads the whole system.
keystone_reader() {
    cat <<EOF
auth_type = password
auth_url = $KEYSTONE_URL
username = $1
password = $2
user_domain_name = Default
system_scope = all
region_name = $REGION
EOF
}
