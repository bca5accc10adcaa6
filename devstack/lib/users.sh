# shellcheck shell=bash
# Ways in for users: rc files and clouds.yaml.

write_credentials() {
    (
        umask 077
        {
            echo 'clouds:'
            cloud "caas-demo" demo "$DEMO_PASSWORD" demo
            cloud "caas-viewer" viewer "$VIEWER_PASSWORD" demo
            cloud "caas-admin" admin "$ADMIN_PASSWORD" admin
        } >"$QUICKSTART_DIR/clouds.yaml"
        openrc demo "$DEMO_PASSWORD" demo >"$QUICKSTART_DIR/openrc"
        openrc viewer "$VIEWER_PASSWORD" demo >"$QUICKSTART_DIR/openrc-viewer"
        openrc admin "$ADMIN_PASSWORD" admin >"$QUICKSTART_DIR/openrc-admin"
    )
}

# cloud NAME USER PASSWORD PROJECT
cloud() {
    cat <<EOF
  $1:
    auth:
      auth_url: $KEYSTONE_URL
      username: $2
      password: $3
      project_name: $4
      user_domain_name: Default
      project_domain_name: Default
    regions: [$REGION, $SETS_REGION]  # the first one, unless told
    floating_ip_source: none
    identity_api_version: 3
EOF
}

# openrc USER PASSWORD PROJECT
openrc() {
    cat <<EOF
# source this, then: openstack caas set list
for name in \$(env | grep -o '^OS_[A-Z_]*'); do unset "\$name"; done
export OS_AUTH_URL=$KEYSTONE_URL
export OS_USERNAME=$1
export OS_PASSWORD=$2
export OS_PROJECT_NAME=$3
export OS_USER_DOMAIN_NAME=Default
export OS_PROJECT_DOMAIN_NAME=Default
export OS_IDENTITY_API_VERSION=3
export OS_REGION_NAME=$REGION
export PATH=$VENV/bin:\$PATH
EOF
}
