#!/usr/bin/env bash
# A throw-away PostgreSQL for tests.
#   postgres.sh start DIR       starts one in DIR (created if missing) on a free port and prints its superuser's URL
#   postgres.sh start DIR tls   the same with TLS, whose authority is DIR/ca.crt
#   postgres.sh stop DIR        stops it and removes what start created
# If it already runs in DIR, start prints the same URL; if it was killed, start uses the same port again. Needs Debian's
# package postgresql, and openssl for TLS.
set -euo pipefail

die() { echo "postgres.sh: $*" >&2; exit 1; }
usage() { echo "usage: $0 start DIR [tls] | stop DIR" >&2; exit 2; }
[ $# -eq 2 ] || [ "$#:$1:${3-}" = 3:start:tls ] || usage
tls=${3-}

bin=
for folder in /usr/lib/postgresql/*/bin; do
    if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ]; then bin=$folder; fi
done

# PostgreSQL refuses to run as root.
as_server() {
    if [ "$(id -u)" != 0 ]; then
        "$@"
    else
        local user=nobody
        if id postgres >/dev/null 2>&1; then user=postgres; fi
        setpriv --reuid="$(id -u "$user")" --regid="$(id -g "$user")" --clear-groups -- "$@"
    fi
}

# The process of this folder's server, if it is alive: a stale pid file may name another process.
running() {
    local pid
    pid=$(head -n 1 "$dir/data/postmaster.pid" 2>/dev/null) || return 1
    [ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" = "$dir/data" ] && echo "$pid"
}

ready() { "$bin/pg_isready" -q -h 127.0.0.1 -p "$1" -U moocflix -d postgres; }

free_port() {
    local port
    for port in $(shuf -i 20000-32000 -n 100); do
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then echo "$port"; return; fi
    done
    die "no free port"
}

# An authority of its own, and the server's certificate.
certify() {
    local key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
    (
        cd "$dir"
        as_server openssl req -x509 "${key[@]}" -days 2 -subj "/CN=A throw-away authority" -keyout ca.key -out ca.crt
        as_server openssl req "${key[@]}" -subj "/CN=127.0.0.1" -keyout server.key -out server.csr
        as_server tee names <<<"subjectAltName = IP:127.0.0.1"
        as_server openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -days 2 -extfile names -out server.crt
    ) >>"$dir/log" 2>&1 || { tail -n 20 "$dir/log" >&2; die "openssl failed"; }
}

# The URL of the superuser. Without TLS it has no parameters, so that callers can put the name of another database at its end.
url() {
    local by=
    [ -z "$tls" ] || by="?sslmode=verify-full&sslrootcert=$dir/ca.crt"
    echo "postgres://moocflix@127.0.0.1:$1/postgres$by"
}

# Durable after a kill, but not after a power cut: tests need no more. The number of connections is PostgreSQL's default, so
# that tests notice a process that opens too many.
configure() {
    as_server tee "$dir/data/postgresql.auto.conf" >/dev/null <<CONF
listen_addresses = '127.0.0.1'
port = $1
unix_socket_directories = ''
max_connections = 100
shared_buffers = 64MB
fsync = off
full_page_writes = off
synchronous_commit = on
shared_memory_type = mmap
dynamic_shared_memory_type = mmap
log_min_messages = warning
timezone = 'UTC'
${tls:+ssl = on
ssl_cert_file = '$dir/server.crt'
ssl_key_file = '$dir/server.key'}
CONF
}

# launch PORT: returns 0 once the server answers, 1 if it exited (the port was taken meanwhile)
launch() {
    # the server inherits no open file, or readers of our output would wait for the server's end
    (cd / && as_server setsid "$bin/postgres" -D "$dir/data") >>"$dir/log" 2>&1 </dev/null &
    local child=$! tries
    for tries in $(seq 600); do
        if ready "$1" && running >/dev/null; then return 0; fi
        if ! kill -0 "$child" 2>/dev/null && [ "$tries" -gt 5 ]; then return 1; fi
        sleep 0.1
    done
    die "the server did not answer in 60 s; its log is $dir/log"
}

start() {
    [ -n "$bin" ] || die "PostgreSQL is not installed: apt-get install postgresql"
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd -P)
    if running >/dev/null; then
        port=$(sed -n 4p "$dir/data/postmaster.pid")
        ready "$port" || die "the server in $dir does not answer"
        url "$port"
        return
    fi
    if [ "$(id -u)" = 0 ]; then
        touch "$dir/log"
        chown -h "$(as_server id -u)" "$dir" "$dir/log"
        as_server test -w "$dir" || die "the server's user can't reach $dir: open its parent folders with chmod o+x"
    fi
    if [ ! -s "$dir/data/PG_VERSION" ]; then
        rm -rf "$dir/data"
        (cd / && as_server "$bin/initdb" -D "$dir/data" -U moocflix -A trust -E UTF8 --locale=C.UTF-8 -N) >>"$dir/log" 2>&1 \
            || { tail -n 20 "$dir/log" >&2; die "initdb failed"; }
    fi
    [ -z "$tls" ] || [ -s "$dir/server.crt" ] || certify
    # the port of a server that was killed is still its own; its last processes may take a moment to end
    port=$(sed -n 's/^port = //p' "$dir/data/postgresql.auto.conf")
    for tries in 1 2 3 4 5 6 7 8 9; do
        if [ -z "$port" ] || [ "$tries" -gt 4 ]; then
            port=$(free_port)
            configure "$port"
        fi
        if launch "$port"; then
            url "$port"
            return
        fi
        sleep 0.2
    done
    tail -n 20 "$dir/log" >&2
    die "the server exited at its start"
}

stop() {
    [ -d "$dir" ] || return 0
    dir=$(cd "$dir" && pwd -P)
    if pid=$(running); then
        kill -INT "$pid" # ends sessions, then itself
        for tries in $(seq 200); do
            running >/dev/null || break
            if [ "$tries" = 150 ]; then kill -QUIT "$pid"; fi
            sleep 0.1
        done
        if running >/dev/null; then kill -KILL "$pid"; fi
    fi
    rm -rf "$dir/data" "$dir"/{log,names,ca.key,ca.crt,ca.srl,server.key,server.csr,server.crt}
    rmdir --ignore-fail-on-non-empty "$dir"
}

dir=$2
case $1 in
start) start ;;
stop) stop ;;
*) usage ;;
esac
