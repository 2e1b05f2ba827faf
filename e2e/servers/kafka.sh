#!/usr/bin/env bash
# A throw-away Kafka for tests: one process that is both broker and controller.
#   kafka.sh install                fetches Kafka into the cache folder, once; start does it, too
#   kafka.sh start DIR [OPTION...]  starts a broker in DIR (created if missing) on free ports and prints its URL as the last line
#   kafka.sh stop DIR               ends it and removes what start created
# Options of the first start in DIR:
#   --behind PORT   clients reach the broker through a proxy at this port
#   --tls           clients need TLS and a sign-in (SCRAM-SHA-512 or PLAIN); DIR/ca.crt is the authority of its certificate
# If it already runs in DIR, start prints the same URL; if it was killed, start uses the same ports and data again. DIR/pid
# has its process id and DIR/port its port. The cache is ~/.cache/moocflix/kafka (XDG_CACHE_HOME). Needs Java 17 or newer, to
# install Maven, and for TLS openssl.
set -euo pipefail

version=4.4.0
logging=2.25.5 # Kafka logs nothing without this binding

die() { echo "kafka.sh: $*" >&2; exit 1; }
usage() { echo "usage: $0 install | start DIR [--behind PORT] [--tls] | stop DIR" >&2; exit 2; }

cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/moocflix/kafka/$version
lib=$cache/lib
archive=$cache/classes.jsa
user=moocflix
password=moocflix-test-secret
behind= tls=no

# The process of this folder's server, if it is alive: a stale pid file may name another process.
running() {
    local pid
    pid=$(cat "$dir/pid" 2>/dev/null) || return 1
    [ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" = "$dir" ] && echo "$pid"
}

taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
free_port() {
    local port
    for port in $(shuf -i 20000-32000 -n 100); do
        if ! taken "$port"; then echo "$port"; return; fi
    done
    die "no free port"
}

java_is_there() {
    local java
    command -v java >/dev/null || die "java is missing: Kafka needs Java 17 or newer (Debian's package openjdk-17-jre-headless)"
    java=$(java -version 2>&1 | sed -n 's/^[a-z]* version "\([0-9]*\).*/\1/p')
    [ "${java:-0}" -ge 17 ] || die "Kafka needs Java 17 or newer, but this is ${java:-unknown}"
}

# An authority of its own, and the broker's certificate.
certify() {
    command -v openssl >/dev/null || die "openssl is missing: install Debian's package openssl"
    local key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
    (
        cd "$dir"
        openssl req -x509 "${key[@]}" -days 2 -subj "/CN=A throw-away authority" -keyout ca.key -out ca.crt
        openssl req "${key[@]}" -subj "/CN=127.0.0.1" -keyout server.key -out server.csr
        echo "subjectAltName = IP:127.0.0.1" >names
        openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -days 2 -extfile names -out server.crt
        cat server.key server.crt >server.pem
    ) >>"$dir/log" 2>&1 || { tail -n 20 "$dir/log" >&2; die "openssl failed"; }
}

# What a listener with TLS and sign-ins needs; the broker signs in to itself, too.
secured() {
    local module=org.apache.kafka.common.security
    cat <<CONF
sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
listener.name.clients.scram-sha-512.sasl.jaas.config=$module.scram.ScramLoginModule required;
listener.name.clients.plain.sasl.jaas.config=$module.plain.PlainLoginModule required \\
  username="$user" password="$password" user_$user="$password";
ssl.keystore.type=PEM
ssl.keystore.location=$dir/server.pem
ssl.truststore.type=PEM
ssl.truststore.location=$dir/ca.crt
CONF
}

# A killed broker is refused until its session ends, so sessions are short. Internal topics have one replica.
configure() { # configure PORT CONTROLLER_PORT
    local protocol=PLAINTEXT
    [ "$tls" = no ] || protocol=SASL_SSL
    echo "$1" >"$dir/port"
    cat >"$dir/server.properties" <<CONF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$2
controller.listener.names=CONTROLLER
inter.broker.listener.name=CLIENTS
listeners=CLIENTS://127.0.0.1:$1,CONTROLLER://127.0.0.1:$2
advertised.listeners=CLIENTS://127.0.0.1:${behind:-$1}
listener.security.protocol.map=CLIENTS:$protocol,CONTROLLER:PLAINTEXT
log.dirs=$dir/data
auto.create.topics.enable=false
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=4
log.segment.bytes=16777216
log.index.size.max.bytes=262144
log.cleaner.dedupe.buffer.size=16777216
CONF
    [ "$tls" = no ] || secured >>"$dir/server.properties"
    cat >"$dir/log4j2.properties" <<'CONF'
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %-5p %c{1} %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = info
CONF
}

port() { cat "$dir/port"; }
controller_port() { sed -n 's/^controller.quorum.voters=1@127.0.0.1://p' "$dir/server.properties"; }
url() {
    local address
    address=$(sed -n 's|^advertised.listeners=CLIENTS://||p' "$dir/server.properties")
    if [ -e "$dir/server.pem" ]; then
        echo "kafkas://$user:$password@$address?ca=$dir/ca.crt"
    else
        echo "kafka://$address"
    fi
}

# java_options: what all of its virtual machines get, one word a line
java_options() {
    printf '%s\n' -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Djava.awt.headless=true "-Djava.io.tmpdir=$dir/tmp" \
        "-Dlog4j2.configurationFile=$dir/log4j2.properties" -Dlog4j2.disable.jmx=true
}

format() {
    local options id users=()
    [ ! -s "$dir/data/meta.properties" ] || return 0
    mkdir -p "$dir/data" "$dir/tmp"
    mapfile -t options < <(java_options)
    id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=') # 16 bytes in base64url
    id=${id/#-/0} # what begins with a hyphen is taken for an option
    [ "$tls" = no ] || users=(--add-scram "SCRAM-SHA-512=[name=$user,password=$password]")
    java -Xmx128m "${options[@]}" -cp "$lib/*" kafka.tools.StorageTool format -t "$id" -c "$dir/server.properties" \
        "${users[@]}" >"$dir/log" 2>&1 || { tail -n 20 "$dir/log" >&2; die "its storage could not be formatted"; }
}

# launch OPTION...: returns 0 once the broker is in service, 1 if it exited (a port was taken meanwhile)
launch() {
    local pid tries options
    for tries in $(seq 100); do # a killed process may hold its ports for a moment
        if ! taken "$(port)" && ! taken "$(controller_port)"; then break; fi
        sleep 0.1
    done
    mapfile -t options < <(java_options)
    (cd "$dir" && exec setsid java -Xms128m -Xmx512m "${options[@]}" "$@" -cp "$lib/*" kafka.Kafka "$dir/server.properties") \
        >"$dir/log" 2>&1 </dev/null &
    pid=$!
    echo "$pid" >"$dir/pid"
    for tries in $(seq 1800); do
        kill -0 "$pid" 2>/dev/null || return 1
        # the broker logs this once its listener is open and the controller has admitted it
        if grep -q 'Kafka Server started' "$dir/log" && taken "$(port)"; then return 0; fi
        sleep 0.05
    done
    tail -n 20 "$dir/log" >&2
    die "the broker in $dir did not start in 90 s"
}

# fresh OPTION...: launches a new broker on free ports
fresh() {
    local _
    for _ in 1 2 3; do
        configure "$(free_port)" "$(free_port)"
        rm -rf "$dir/data"
        format
        if launch "$@"; then return; fi
    done
    tail -n 20 "$dir/log" >&2
    die "the broker exited at its start"
}

install() {
    local trial behind= tls=no
    java_is_there
    mkdir -p "$cache"
    exec 9>"$cache/lock"
    flock 9 # two tests may start at once
    if [ -e "$cache/complete" ]; then exec 9>&-; return; fi
    command -v mvn >/dev/null || die "mvn is missing: Maven fetches Kafka (Debian's package maven)"
    rm -rf "$lib" "$archive"
    cat >"$cache/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>moocflix</groupId><artifactId>kafka-for-tests</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$version</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>$logging</version></dependency>
  </dependencies>
</project>
POM
    mvn -B -q -f "$cache/pom.xml" dependency:copy-dependencies -DoutputDirectory="$lib" >"$cache/log" 2>&1 \
        || { tail -n 20 "$cache/log" >&2; die "Maven could not fetch Kafka $version"; }
    # A first run writes an archive of its classes, with which later ones start in a third of the time.
    trial=$(mktemp -d)
    dir=$(cd "$trial" && pwd -P)
    fresh "-XX:ArchiveClassesAtExit=$archive" 9>&-
    stop
    touch "$cache/complete"
    exec 9>&-
}

start() {
    local with=()
    (install)
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd -P)
    if running >/dev/null; then url; return; fi
    [ "$tls" = no ] || [ -e "$dir/server.pem" ] || certify
    [ ! -s "$archive" ] || with=("-XX:SharedArchiveFile=$archive" -Xlog:cds=off -Xlog:cds+dynamic=off)
    if [ -s "$dir/data/meta.properties" ]; then
        launch "${with[@]}" || { tail -n 20 "$dir/log" >&2; die "the broker did not start again"; }
    else
        fresh "${with[@]}"
    fi
    url
}

stop() {
    local pid tries
    [ -d "$dir" ] || return 0
    dir=$(cd "$dir" && pwd -P)
    if pid=$(running); then
        kill -TERM "$pid"
        for tries in $(seq 200); do
            running >/dev/null || break
            sleep 0.05
        done
        if running >/dev/null; then kill -KILL "$pid"; fi
        while running >/dev/null; do sleep 0.01; done
    fi
    rm -rf "$dir"/{pid,port,log,tmp,data,server.properties,log4j2.properties}
    rm -f "$dir"/{names,ca.key,ca.crt,ca.srl,server.key,server.csr,server.crt,server.pem}
    rmdir --ignore-fail-on-non-empty "$dir"
}

case ${1:-}:$# in
install:1) install ;;
start:1) usage ;;
start:*)
    dir=$2
    shift 2
    while [ $# -gt 0 ]; do
        case $1 in
        --behind) [ $# -gt 1 ] || usage; behind=$2; shift 2 ;;
        --tls) tls=yes; shift ;;
        *) usage ;;
        esac
    done
    start
    ;;
stop:2) dir=$2; stop ;;
*) usage ;;
esac
