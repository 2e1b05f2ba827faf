# Sourced by ./run and ./test: installs or lists missing packages.
# As root it installs Debian packages with apt-get; it never installs Rust or Node, which are the user's own choice.

say() { printf '\033[1m%s\033[0m\n' "$*"; }
die() { printf '%s\n' "$*" >&2; exit 1; }

# at_least HAVE WANT: compares versions such as 20.20.2
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# packages PROBE=PACKAGE...: a probe is a command or, with a leading slash, a file
packages() {
  local missing=() pair probe
  for pair in "$@"; do
    probe=${pair%%=*}
    case $probe in
      /*) [ -e "$probe" ] || missing+=("${pair#*=}") ;;
      *) command -v "$probe" >/dev/null 2>&1 || missing+=("${pair#*=}") ;;
    esac
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null 2>&1 || die "Missing (Debian's package names): ${missing[*]}"
  [ "$(id -u)" = 0 ] || die "Missing: ${missing[*]}. Install with: sudo apt-get install ${missing[*]}"
  say "Installing ${missing[*]}"
  local kept=()
  if [ -n "${cache:-}" ] && mkdir -p "$cache/debian/partial"; then # without a cache folder, nothing is kept
    kept=(-o Dir::Cache::Archives="$cache/debian/" -o APT::Keep-Downloaded-Packages=true -o APT::Sandbox::User=root)
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${kept[@]}" "${missing[@]}" >/dev/null
  [ ${#kept[@]} = 0 ] || apt-get autoclean -qq "${kept[@]}" >/dev/null # removes versions that Debian has replaced
}

rust_and_node() {
  command -v cargo >/dev/null 2>&1 || [ ! -x "$HOME/.cargo/bin/cargo" ] || PATH=$HOME/.cargo/bin:$PATH
  command -v cargo >/dev/null 2>&1 || die "Rust 1.95 or newer is required: https://rustup.rs"
  local rust node
  rust=$(rustc --version | cut -d ' ' -f 2)
  at_least "$rust" 1.95.0 || die "Rust 1.95 or newer is required, but this is $rust: rustup update"
  command -v node >/dev/null 2>&1 || die "Node 20.19 or newer is required: https://nodejs.org"
  command -v npm >/dev/null 2>&1 || die "npm is required: https://nodejs.org"
  node=$(node --version)
  at_least "${node#v}" 20.19.0 || die "Node 20.19 or newer is required, but this is $node"
}

# go_compiler: tests build servers with it that Debian has no packages of
go_compiler() {
  command -v go >/dev/null 2>&1 || [ ! -x /usr/local/go/bin/go ] || PATH=$PATH:/usr/local/go/bin
  command -v go >/dev/null 2>&1 || die "Go 1.25 or newer is required for the tests: https://go.dev/dl"
  local go
  go=$(go env GOVERSION)
  at_least "${go#go}" 1.25 || die "Go 1.25 or newer is required for the tests, but this is ${go#go}"
}

# java_and_maven: for the tests' Kafka
java_and_maven() {
  command -v java >/dev/null 2>&1 || packages java=openjdk-17-jre-headless
  local java
  java=$(java -version 2>&1 | sed -n 's/^[a-z]* version "\([0-9.]*\).*/\1/p')
  at_least "${java:-0}" 17 || die "Java 17 or newer is required, but this is ${java:-unknown}"
  packages mvn=maven
}

# node_packages FOLDER: installs the packages of package-lock.json if it has changed
node_packages() {
  [ "$1/node_modules/.package-lock.json" -nt "$1/package-lock.json" ] \
    || (cd "$1" && npm ci --no-audit --no-fund --loglevel=error)
}

# page: builds web/page/dist if one of its sources has changed
page() {
  node_packages web/page
  local sources stamp=web/page/node_modules/.moocflix-page
  sources=$(find web/page openapi.json \( -name node_modules -o -name dist \) -prune -o -type f -print0 \
    | sort -z | xargs -0 sha256sum | sha256sum)
  if [ ! -s web/page/dist/index.html ] || [ "$(cat "$stamp" 2>/dev/null)" != "$sources" ]; then
    (cd web/page && npm run --silent build)
    printf '%s\n' "$sources" >"$stamp"
  fi
}
