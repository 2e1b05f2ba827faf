#!/usr/bin/env bash
# A throw-away S3 server for tests: versitygw, which keeps objects as files.
#   versitygw.sh install            builds it with Go, once; the program stays in ~/.cache/moocflix (XDG_CACHE_HOME)
#   versitygw.sh start DIR [--tls]  starts one in DIR (created if missing) on a free port; prints its keys, and then the
#                                   URL of an empty bucket, as storage_url wants it
#   versitygw.sh stop DIR           ends it and removes what start created
# If it already runs in DIR, start prints the same URL; if it was killed, start uses the same port and data again.
# DIR/pid has its process id. With --tls, DIR/ca.crt is the authority of its certificate, for which openssl is needed.
name=versitygw
module=github.com/versity/versitygw/cmd/versitygw@v1.8.0
health=/health

launch_server() { # launch_server PORT
    local tls=()
    [ ! -e "$dir/server.crt" ] || tls=(--cert "$dir/server.crt" --key "$dir/server.key")
    mkdir -p "$dir/meta"
    cd "$dir" && exec setsid "$program" --port "127.0.0.1:$1" --access "$id" --secret "$secret" --region "$region" \
        --health "$health" --keep-alive --quiet "${tls[@]}" posix --sidecar "$dir/meta" "$dir/data"
}

# shellcheck source=e2e/servers/s3.bash
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/s3.bash"
