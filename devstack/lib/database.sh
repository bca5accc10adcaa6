# shellcheck shell=bash
# The database of caas: SQLite, or MariaDB or PostgreSQL: the server of this
# machine, or ours when none answers. Keystone and Glance stay on SQLite.

database_url() {
    local login=$QUICKSTART_NAME:$DATABASE_PASSWORD@127.0.0.1
    case $QUICKSTART_DATABASE in
        sqlite)
            printf '%s' "sqlite:///$DATA_DIR/caas/caas.sqlite" ;;
        mariadb)
            printf '%s' "mysql+pymysql://$login:$QUICKSTART_MARIADB_PORT/$QUICKSTART_NAME?charset=utf8mb4" ;;
        postgresql)
            printf '%s' "postgresql+psycopg2://$login:$QUICKSTART_POSTGRESQL_PORT/$QUICKSTART_NAME" ;;
    esac
}

database_up() {
    case $QUICKSTART_DATABASE in
        sqlite) mkdir -p "$DATA_DIR/caas" ;;
        mariadb) mariadb_up ;;
        postgresql) postgresql_up ;;
    esac
}

database_clean() {
    case $QUICKSTART_DATABASE in
        mariadb)
            if service_running mariadb; then
                service_stop mariadb
            elif port_open "$QUICKSTART_MARIADB_PORT"; then
                mariadb_sql <<<"
                    DROP DATABASE IF EXISTS \`$QUICKSTART_NAME\`;
                    DROP USER IF EXISTS '$QUICKSTART_NAME'@'127.0.0.1';
                    DROP USER IF EXISTS '$QUICKSTART_NAME'@'localhost';"
            fi
            ;;
        postgresql)
            if service_running postgresql; then
                service_stop postgresql
            elif port_open "$QUICKSTART_POSTGRESQL_PORT"; then
                postgresql_sql <<<"
                    DROP DATABASE IF EXISTS \"$QUICKSTART_NAME\";
                    DROP ROLE IF EXISTS \"$QUICKSTART_NAME\";"
            fi
            ;;
    esac
}

mariadb_up() {
    local host
    if ! port_open "$QUICKSTART_MARIADB_PORT"; then
        mariadb_start
    fi
    # A server that looks names up knows us by the second of these.
    for host in 127.0.0.1 localhost; do
        mariadb_sql <<<"
            CREATE DATABASE IF NOT EXISTS \`$QUICKSTART_NAME\`
                CHARACTER SET utf8mb4;
            CREATE USER IF NOT EXISTS '$QUICKSTART_NAME'@'$host';
            ALTER USER '$QUICKSTART_NAME'@'$host'
                IDENTIFIED BY '$DATABASE_PASSWORD';
            GRANT ALL ON \`$QUICKSTART_NAME\`.*
                TO '$QUICKSTART_NAME'@'$host';"
    done
}

mariadb_start() {
    local data=$DATA_DIR/mariadb
    if [[ ! -d $data/mysql ]]; then
        install -d -o mysql -g mysql -m 0750 "$data"
        mariadb-install-db --no-defaults --user=mysql --datadir="$data" \
            --auth-root-authentication-method=socket --skip-test-db
    fi
    install -d -o mysql -g mysql "$RUN_DIR/mariadb"
    service_start mariadb mariadbd --no-defaults --user=mysql \
        --datadir="$data" --bind-address=127.0.0.1 \
        --port="$QUICKSTART_MARIADB_PORT" \
        --socket="$RUN_DIR/mariadb/mariadb.sock" \
        --pid-file="$RUN_DIR/mariadb/mariadb.pid"
    service_ready mariadb 120 mariadb_client <<<''
}

# Run the SQL on stdin as the server's administrator.
mariadb_sql() {
    mariadb_client ||
        fail "The MariaDB on port $QUICKSTART_MARIADB_PORT does not let root in by its socket. Set QUICKSTART_MARIADB_PORT to a free port, and a server is started there."
}

mariadb_client() {
    if service_running mariadb; then
        mariadb --no-defaults --batch \
            --socket="$RUN_DIR/mariadb/mariadb.sock"
    else
        mariadb --batch
    fi
}

postgresql_up() {
    if ! port_open "$QUICKSTART_POSTGRESQL_PORT"; then
        postgresql_start
    fi
    postgresql_sql <<<"
        SELECT 'CREATE ROLE \"$QUICKSTART_NAME\"'
            WHERE NOT EXISTS (SELECT FROM pg_roles
                              WHERE rolname = '$QUICKSTART_NAME') \gexec
        ALTER ROLE \"$QUICKSTART_NAME\" LOGIN PASSWORD '$DATABASE_PASSWORD';
        SELECT 'CREATE DATABASE \"$QUICKSTART_NAME\"
                OWNER \"$QUICKSTART_NAME\"'
            WHERE NOT EXISTS (SELECT FROM pg_database
                              WHERE datname = '$QUICKSTART_NAME') \gexec"
}

postgresql_start() {
    local bin data=$DATA_DIR/postgresql
    bin=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin | sort -V | tail -n 1)
    if [[ ! -e $data/PG_VERSION ]]; then
        install -d -o postgres -g postgres -m 0700 "$data"
        as_postgres "$bin/initdb" --pgdata "$data" --encoding UTF8 \
            --auth-local peer --auth-host scram-sha-256
    fi
    # Of a killed server that nobody has reaped yet; it would keep the next
    # from start. That none runs has just been seen.
    rm -f "$data/postmaster.pid"
    install -d -o postgres -g postgres "$RUN_DIR/postgresql"
    service_start postgresql env -C "$data" \
        setpriv --reuid postgres --regid postgres --init-groups \
        "$bin/postgres" -D "$data" -p "$QUICKSTART_POSTGRESQL_PORT" \
        -c listen_addresses=127.0.0.1 \
        -c unix_socket_directories="$RUN_DIR/postgresql"
    service_ready postgresql 120 postgresql_client <<<''
}

as_postgres() {
    env -C / setpriv --reuid postgres --regid postgres --init-groups "$@"
}

postgresql_sql() {
    postgresql_client ||
        fail "The PostgreSQL on port $QUICKSTART_POSTGRESQL_PORT does not let the user postgres in by its socket. Set QUICKSTART_POSTGRESQL_PORT to a free port, and a server is started there."
}

postgresql_client() {
    local socket=/var/run/postgresql
    if service_running postgresql; then
        socket=$RUN_DIR/postgresql
    fi
    as_postgres psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 \
        --host "$socket" --port "$QUICKSTART_POSTGRESQL_PORT" postgres
}
