#!/usr/bin/env bash
# A throw-away TURN server for tests: coturn, from Debian's packages, which are unpacked and not installed.
#   coturn.sh install          fetches it with apt-get, once; it stays in ~/.cache/moocflix (XDG_CACHE_HOME)
#   coturn.sh start DIR        starts one in DIR (created if missing) on a free port of loopback; prints its URL, as
#                              live.ice_servers wants it
#   coturn.sh stop DIR         ends it and removes what start created
# DIR/pid has its process id.
set -euo pipefail

secret=moocflix-test-secret
# what coturn is linked with, and few systems have
packages=(coturn libmariadb3 libhiredis0.14 libevent-extra-2.1-7 libevent-openssl-2.1-7 libevent-pthreads-2.1-7
    libevent-core-2.1-7 libpq5 libsqlite3-0)
program=${XDG_CACHE_HOME:-$HOME/.cache}/moocflix/servers/coturn
triple=$(uname -m)-linux-gnu

die() { echo "coturn.sh: $*" >&2; exit 1; }
usage() { echo "usage: $0 install | start DIR | stop DIR" >&2; exit 2; }

# Where an installed one is, that is taken.
installed() { command -v turnserver; }

fetch() ( cd "$1" && apt-get download -o APT::Sandbox::User=root "${packages[@]}" )

install() {
    if installed >/dev/null || [ -x "$program/usr/bin/turnserver" ]; then return; fi
    local built package
    mkdir -p "$(dirname "$program")"
    built=$(mktemp -d "$program.XXXXXX")
    # a new system has no lists of packages yet
    if ! { fetch "$built" || { apt-get update && fetch "$built"; }; } >"$built/log" 2>&1; then
        tail -n 20 "$built/log" >&2
        rm -rf "$built"
        die "the packages could not be fetched; install Debian's package coturn"
    fi
    for package in "$built"/*.deb; do
        dpkg -x "$package" "$built/root"
    done
    rm -rf "$program"
    mv "$built/root" "$program"
    rm -rf "$built"
}

# The process of this folder's server, if it is alive: a stale pid file may name another process.
running() {
    local pid
    pid=$(cat "$dir/pid" 2>/dev/null) || return 1
    [ -n "$pid" ] && grep -qzFx -- "$dir/turnserver.conf" "/proc/$pid/cmdline" 2>/dev/null && echo "$pid"
}

launch() { # launch PORT: 1 if the server exits at once
    local pid turnserver=$program/usr/bin/turnserver
    installed >/dev/null && turnserver=$(installed)
    # viewers and the server are on loopback, which a TURN server refuses to reach by default
    cat >"$dir/turnserver.conf" <<CONF
listening-ip=127.0.0.1
relay-ip=127.0.0.1
listening-port=$1
min-port=40000
max-port=49999
realm=example.org
use-auth-secret
static-auth-secret=$secret
allow-loopback-peers
no-tls
no-dtls
no-cli
no-multicast-peers
userdb=$dir/turndb
pidfile=$dir/turnserver.pid
log-file=stdout
simple-log
CONF
    LD_LIBRARY_PATH=$program/usr/lib/$triple${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} \
        setsid "$turnserver" -c "$dir/turnserver.conf" >>"$dir/log" 2>&1 </dev/null &
    pid=$!
    echo "$pid" >"$dir/pid"
    for _ in $(seq 400); do
        kill -0 "$pid" 2>/dev/null || return 1
        # it listens by TCP where it listens by UDP
        if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
        sleep 0.05
    done
    die "the server in $dir does not answer"
}

start() {
    install
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd -P)
    if ! running >/dev/null; then
        local port
        for port in $(shuf -i 20000-32000 -n 100); do
            if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then continue; fi
            if launch "$port"; then break; fi
            port=
        done
        [ -n "$port" ] || { tail -n 20 "$dir/log" >&2; die "the server exited at its start"; }
        echo "$port" >"$dir/port"
    fi
    echo "turn://:$secret@127.0.0.1:$(cat "$dir/port")"
}

stop() {
    [ -d "$dir" ] || return 0
    dir=$(cd "$dir" && pwd -P)
    if pid=$(running); then
        kill -KILL "$pid"
        while running >/dev/null; do sleep 0.01; done
    fi
    rm -f "$dir"/{pid,port,log,turnserver.conf,turnserver.pid,turndb,turndb-journal}
    rmdir --ignore-fail-on-non-empty "$dir"
}

dir=${2:-}
case ${1:-}:$# in
install:1) install ;;
start:2) start ;;
stop:2) stop ;;
*) usage ;;
esac
