#!/usr/bin/env bash
# A throw-away Redis for tests, which keeps nothing on disk.
#   redis.sh start DIR   starts one in DIR (created if missing) on free ports and prints its URLs: plain, then with TLS
#   redis.sh stop DIR    ends it and removes what start created
# If it already runs in DIR, start prints the same URLs; if it was killed, start uses the same ports again. DIR/pid has
# its process id, and DIR/ca.crt the authority of its certificate. Needs Debian's packages redis-server and openssl.
set -euo pipefail

die() { echo "redis.sh: $*" >&2; exit 1; }
usage() { echo "usage: $0 start|stop DIR" >&2; exit 2; }
[ $# -eq 2 ] || usage

# The server never runs as root.
as_server=()
if [ "$(id -u)" = 0 ]; then
    user=nobody
    if id redis >/dev/null 2>&1; then user=redis; fi
    as_server=(setpriv --reuid="$(id -u "$user")" --regid="$(id -g "$user")" --clear-groups --)
fi

# The process of this folder's server, if it is alive: a stale pid file may name another process.
running() {
    local pid
    pid=$(cat "$dir/pid" 2>/dev/null) || return 1
    [ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" = "$dir" ] && echo "$pid"
}

free_port() {
    local port
    for port in $(shuf -i 20000-32000 -n 100); do
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then echo "$port"; return; fi
    done
    die "no free port"
}

configure() { # configure PORT TLS_PORT
    cat >"$dir/redis.conf" <<CONF
bind 127.0.0.1
port $1
tls-port $2
tls-cert-file $dir/server.crt
tls-key-file $dir/server.key
tls-ca-cert-file $dir/ca.crt
tls-auth-clients no
dir $dir
save ""
appendonly no
maxmemory 64mb
CONF
}

setting() { awk -v name="$1" '$1 == name { print $2 }' "$dir/redis.conf" 2>/dev/null; }
urls() {
    echo "redis://127.0.0.1:$(setting port)/0"
    echo "rediss://127.0.0.1:$(setting tls-port)/0"
}

# An authority of its own, and the server's certificate.
certify() {
    local key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
    (
        cd "$dir"
        "${as_server[@]}" openssl req -x509 "${key[@]}" -days 2 -subj "/CN=A throw-away authority" -keyout ca.key -out ca.crt
        "${as_server[@]}" openssl req "${key[@]}" -subj "/CN=127.0.0.1" -keyout server.key -out server.csr
        echo "subjectAltName = IP:127.0.0.1" >names
        "${as_server[@]}" openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -days 2 -extfile names -out server.crt
    ) >>"$dir/log" 2>&1 || { tail -n 20 "$dir/log" >&2; die "openssl failed"; }
}

# Another Redis may listen at the port: only an answer of this process counts.
ready() { [ "$(redis-cli -p "$1" info server 2>/dev/null | tr -d '\r' | sed -n 's/^process_id://p')" = "$2" ]; }

launch() {
    local pid tries
    (cd "$dir" && exec setsid "${as_server[@]}" redis-server "$dir/redis.conf") >>"$dir/log" 2>&1 </dev/null &
    pid=$!
    echo "$pid" >"$dir/pid"
    for tries in $(seq 400); do
        kill -0 "$pid" 2>/dev/null || return 1
        if ready "$(setting port)" "$pid"; then return; fi
        sleep 0.025
    done
    die "the server in $dir does not answer"
}

start() {
    for program in redis-server openssl; do
        command -v "$program" >/dev/null || die "$program is missing: install Debian's package $program"
    done
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd -P)
    if running >/dev/null; then urls; return; fi
    if [ ${#as_server[@]} -gt 0 ]; then
        chown -h "$user" "$dir"
        "${as_server[@]}" test -w "$dir" || die "the server's user can't reach $dir: open its parent folders with chmod o+x"
    fi
    [ -s "$dir/server.crt" ] || certify
    # the ports of a server that was killed are still its own
    if [ -s "$dir/redis.conf" ] && launch; then urls; return; fi
    for _ in 1 2 3 4 5; do
        configure "$(free_port)" "$(free_port)"
        if launch; then urls; return; fi
    done
    tail -n 20 "$dir/log" >&2
    die "the server exited at its start"
}

stop() {
    [ -d "$dir" ] || return 0
    dir=$(cd "$dir" && pwd -P)
    # it has nothing to save, and may be frozen
    if pid=$(running); then
        kill -KILL "$pid"
        while running >/dev/null; do sleep 0.01; done
    fi
    rm -f "$dir"/{pid,log,names,redis.conf,ca.key,ca.crt,server.key,server.csr,server.crt}
    rmdir --ignore-fail-on-non-empty "$dir"
}

dir=$2
case $1 in
start) start ;;
stop) stop ;;
*) usage ;;
esac
