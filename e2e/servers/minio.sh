#!/usr/bin/env bash
# A throw-away S3 server for tests: MinIO. Its commands are those of versitygw.sh; it takes several minutes to build.
name=minio
module=github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c
health=/minio/health/ready

launch_server() { # launch_server PORT
    local certificates=$dir/certs
    mkdir -p "$certificates"
    if [ -e "$dir/server.crt" ]; then
        cp "$dir/server.crt" "$certificates/public.crt"
        cp "$dir/server.key" "$certificates/private.key"
    fi
    # MINIO_CI_CD accepts a folder on the root disk
    cd "$dir" && exec env HOME="$dir" MINIO_ROOT_USER="$id" MINIO_ROOT_PASSWORD="$secret" MINIO_REGION="$region" \
        MINIO_CI_CD=1 MINIO_BROWSER=off MINIO_UPDATE=off MINIO_CALLHOME_ENABLE=off \
        setsid "$program" server --certs-dir "$certificates" --address "127.0.0.1:$1" "$dir/data"
}

# shellcheck source=e2e/servers/s3.bash
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/s3.bash"
