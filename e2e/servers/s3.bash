# Sourced by versitygw.sh and minio.sh, which name the module, the path of the health check, and how the server starts.
set -euo pipefail

id=moocflix-test
secret=moocflix-test-secret
region=us-east-1
bucket=lectures
kept=${XDG_CACHE_HOME:-$HOME/.cache}/moocflix/servers
program=$kept/$name-${module##*@}

die() { echo "$name.sh: $*" >&2; exit 1; }
usage() { echo "usage: $0 install | start DIR [--tls] | stop DIR" >&2; exit 2; }

install() {
    [ ! -x "$program" ] || return 0
    command -v go >/dev/null || die "Go 1.25 or newer is missing, which builds the server: https://go.dev/dl"
    mkdir -p "$kept"
    local built
    built=$(mktemp -d "$kept/$name.XXXXXX")
    if ! GOBIN=$built GOFLAGS=-mod=mod CGO_ENABLED=0 go install -trimpath -ldflags='-s -w' "$module" >"$built/log" 2>&1; then
        tail -n 20 "$built/log" >&2
        rm -rf "$built"
        die "$module could not be built"
    fi
    mv "$built/$name" "$program"
    rm -rf "$built"
}

# The process of this folder's server, if it is alive: a stale pid file may name another process.
running() {
    local pid
    pid=$(cat "$dir/pid" 2>/dev/null) || return 1
    [ -n "$pid" ] && grep -qzFx -- "$dir/data" "/proc/$pid/cmdline" 2>/dev/null && echo "$pid"
}

free_port() {
    local port
    for port in $(shuf -i 20000-32000 -n 100); do
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then echo "$port"; return; fi
    done
    die "no free port"
}

address() {
    local scheme=http
    [ ! -e "$dir/server.crt" ] || scheme=https
    echo "$scheme://127.0.0.1:$(cat "$dir/port")"
}

urls() {
    local authority=
    [ ! -e "$dir/ca.crt" ] || authority="&ca=$dir/ca.crt"
    echo "AWS_ACCESS_KEY_ID=$id AWS_SECRET_ACCESS_KEY=$secret"
    echo "s3://$bucket?endpoint=$(address)&region=$region$authority"
}

request() { curl -sf --noproxy '*' --max-time 5 ${trusted:+--cacert "$trusted"} "$@"; }

# An authority of its own, and the server's certificate.
certify() {
    command -v openssl >/dev/null || die "openssl is missing: install Debian's package openssl"
    local key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
    (
        cd "$dir"
        openssl req -x509 "${key[@]}" -days 2 -subj "/CN=A throw-away authority" -keyout ca.key -out ca.crt
        openssl req "${key[@]}" -subj "/CN=127.0.0.1" -keyout server.key -out server.csr
        echo "subjectAltName = IP:127.0.0.1" >names
        openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -days 2 -extfile names -out server.crt
    ) >>"$dir/log" 2>&1 || { tail -n 20 "$dir/log" >&2; die "openssl failed"; }
}

launch() { # launch PORT: 1 if the server exits at once
    local pid
    echo "$1" >"$dir/port"
    (launch_server "$1") >>"$dir/log" 2>&1 </dev/null &
    pid=$!
    echo "$pid" >"$dir/pid"
    for _ in $(seq 1200); do
        kill -0 "$pid" 2>/dev/null || return 1
        # Another server may listen at the port: only an answer while this process lives counts.
        if request -o /dev/null "$(address)$health" && running >/dev/null; then return; fi
        sleep 0.05
    done
    die "the server in $dir does not answer"
}

start() {
    command -v curl >/dev/null || die "curl is missing: install Debian's package curl"
    install
    mkdir -p "$dir/data"
    dir=$(cd "$dir" && pwd -P)
    if running >/dev/null; then urls; return; fi
    [ "$tls" = no ] || [ -s "$dir/server.crt" ] || certify
    trusted=
    [ ! -e "$dir/ca.crt" ] || trusted=$dir/ca.crt
    # the port of a server that was killed is still its own
    if [ -s "$dir/port" ] && launch "$(cat "$dir/port")"; then urls; return; fi
    for _ in 1 2 3 4 5; do
        if launch "$(free_port)"; then
            # the hash of an empty body, which not every curl sends by itself
            request -o /dev/null -X PUT --aws-sigv4 "aws:amz:$region:s3" --user "$id:$secret" "$(address)/$bucket" \
                -H "x-amz-content-sha256: $(sha256sum </dev/null | cut -d ' ' -f 1)" \
                || die "the bucket could not be made"
            urls
            return
        fi
    done
    tail -n 20 "$dir/log" >&2
    die "the server exited at its start"
}

stop() {
    [ -d "$dir" ] || return 0
    dir=$(cd "$dir" && pwd -P)
    # what it keeps is removed, and it may be frozen
    if pid=$(running); then
        kill -KILL "$pid"
        while running >/dev/null; do sleep 0.01; done
    fi
    rm -rf "$dir"/{data,meta,certs,.minio,.mc}
    rm -f "$dir"/{pid,port,log,names,ca.key,ca.crt,ca.srl,server.key,server.csr,server.crt}
    rmdir --ignore-fail-on-non-empty "$dir"
}

dir=${2:-} tls=no
case ${1:-}:$# in
install:1) install ;;
start:2) start ;;
start:3) [ "$3" = --tls ] || usage; tls=yes; start ;;
stop:2) stop ;;
*) usage ;;
esac
