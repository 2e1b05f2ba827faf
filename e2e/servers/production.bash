# Sourced by ./run --production: PostgreSQL, Redis, Kafka and an S3 server, and each role in a process of its own behind a
# small proxy, all on this machine. Nothing of it is kept.
production_folder=
production_processes=()

# production_server SCRIPT NAME: starts a server and prints what its script prints
production_server() {
  # their users read what the scripts write
  (umask 022 && exec "$1" start "$production_folder/$2") >"$production_folder/$2.url" 2>"$production_folder/$2.log" \
    || { cat "$production_folder/$2.log" >&2; die "$2 did not start"; }
  cat "$production_folder/$2.url"
}

# production_servers: starts the servers and points MoocFlix's settings at them
production_servers() {
  local keys url
  production_folder=$(mktemp -d)
  chmod 711 "$production_folder" # PostgreSQL and Redis run as users of their own
  say "Starting PostgreSQL, Redis, Kafka and an S3 server"
  MOOCFLIX_DATABASE_URL=$(production_server platform/backing/tests/postgres.sh postgres | tail -n 1)
  MOOCFLIX_CACHE_URL=$(production_server platform/adapters/tests/redis.sh redis | head -n 1)
  MOOCFLIX_BUS_URL=$(production_server e2e/servers/kafka.sh kafka | tail -n 1)
  url=$(production_server e2e/servers/versitygw.sh s3)
  MOOCFLIX_STORAGE_URL=$(tail -n 1 <<<"$url")
  read -ra keys < <(head -n 1 <<<"$url")
  export "${keys[@]}"
  MOOCFLIX_SECRET_KEY=$(head -c 32 /dev/urandom | base64)
  export MOOCFLIX_DATABASE_URL MOOCFLIX_CACHE_URL MOOCFLIX_BUS_URL MOOCFLIX_STORAGE_URL MOOCFLIX_SECRET_KEY
}

# production_role ROLE PORT: starts a process and waits until it listens
production_role() {
  local output=$production_folder/$1.out pid
  MOOCFLIX_METRICS_LISTEN=127.0.0.1:$(free_port "$((9090 + ${#production_processes[@]}))") \
    "$moocflix" serve --data-dir "$production_folder/$1" --roles "$1" --listen "127.0.0.1:$2" >"$output" &
  pid=$!
  production_processes+=("$pid")
  until grep -qs '^listening on ' "$output"; do
    kill -0 "$pid" 2>/dev/null || die "The role $1 did not start."
    sleep 0.05
  done
}

# production_roles LISTEN: starts the roles and then the proxy, which listens there; its process is $server
production_roles() {
  local role port=18080
  local -A ports=()
  for role in users courses content live transcode web; do
    port=$(free_port $((port + 1)))
    ports[$role]=$port
  done
  export MOOCFLIX_PUBLIC_URL=http://$1 MOOCFLIX_TRUSTED_PROXIES=127.0.0.1
  for role in users courses content; do
    export "MOOCFLIX_${role^^}__BASE_URL=http://127.0.0.1:${ports[$role]}"
  done
  "$moocflix" migrate --data-dir "$production_folder/users" >/dev/null
  for role in users courses content live transcode web; do
    production_role "$role" "${ports[$role]}"
  done
  "$(dirname "$moocflix")/front" "$1" "users=http://127.0.0.1:${ports[users]}" \
    "courses=http://127.0.0.1:${ports[courses]}" "content=http://127.0.0.1:${ports[content]}" \
    "live=http://127.0.0.1:${ports[live]}" "web=http://127.0.0.1:${ports[web]}" >"$output" &
  server=$!
}

# production_stop: ends the processes, then the servers
production_stop() {
  local pid
  [ -n "$production_folder" ] || return 0
  for pid in "${production_processes[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in "${production_processes[@]}"; do
    while kill -0 "$pid" 2>/dev/null; do wait "$pid" 2>/dev/null || true; done
  done
  e2e/servers/kafka.sh stop "$production_folder/kafka" || true
  e2e/servers/versitygw.sh stop "$production_folder/s3" || true
  platform/adapters/tests/redis.sh stop "$production_folder/redis" || true
  platform/backing/tests/postgres.sh stop "$production_folder/postgres" || true
  rm -rf "$production_folder"
  production_folder=
}
