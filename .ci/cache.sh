# Sourced by ./test: keeps fetched or compiled third-party artifacts, and media for tests, in a folder outside the clone.
# An entry is a folder NAME-KEY, where KEY is the digest of everything that it depends on. Entries are written to a
# temporary folder and renamed, so that each is complete or absent. Without a writable folder, nothing is kept.

cache=
KEPT=2 # entries per name: the current one and the previous one

cache_open() {
  local folder=${XDG_CACHE_HOME:-${HOME:-}/.cache}/moocflix
  if mkdir -p "$folder" 2>/dev/null && exec 8>"$folder/lock"; then
    cache=$folder
  else
    say "$folder is not writable: nothing is kept for the next run"
  fi
}

# cache_key WORD...: prints the digest of the words and of standard input
cache_key() { { printf '%s\n' "$@"; cat; } | sha256sum | cut -c 1-16; }

# cache_get NAME KEY FOLDER: fills a missing folder from the cache
cache_get() {
  local entry=$cache/$1-$2 folder=$3
  [ -n "$cache" ] && [ ! -e "$folder" ] || return 0
  flock -s 8
  if [ -d "$entry" ]; then
    mkdir -p "$(dirname "$folder")"
    rm -rf "$folder.part"
    if cp -a --reflink=auto "$entry" "$folder.part"; then
      mv "$folder.part" "$folder"
      touch "$entry"
      say "from the cache: $folder"
    else
      rm -rf "$folder.part"
    fi
  fi
  flock -u 8
}

# cache_put NAME KEY COPY FOLDER: stores a folder with COPY FOLDER DESTINATION, unless the entry exists
cache_put() {
  local entry=$cache/$1-$2
  [ -n "$cache" ] && [ ! -d "$entry" ] || return 0
  flock -x 8
  rm -rf "$cache"/part-* # left by killed runs; the lock excludes other writers
  if [ ! -d "$entry" ] && "$3" "$4" "$cache/part-$1" && mv -T "$cache/part-$1" "$entry"; then
    say "kept for the next run: $4"
  else
    rm -rf "$cache/part-$1"
  fi
  touch "$entry" 2>/dev/null || true
  find "$cache" -maxdepth 1 -type d -name "$1-*" -printf '%T@ %p\n' | sort -rn | tail -n "+$((KEPT + 1))" \
    | cut -d ' ' -f 2- | xargs -r rm -rf
  flock -u 8
}

whole() { cp -a --reflink=auto "$1" "$2"; } # whole FROM TO

# third_party FROM TO: copies cargo's artifacts of packages from registries. Their file names and fingerprints do not
# depend on the clone's path; cargo compares their modification times, which must be kept.
third_party() {
  local names to unit file hash
  names=$(awk '$1 == "name" { name = $3 } $1 == "source" { print name }' Cargo.lock | tr -d '"')
  mkdir -p "$2" && to=$(cd "$2" && pwd) || return 1
  (
    set -euo pipefail
    cd "$1"
    declare -A foreign=() wanted=()
    for unit in $names; do foreign[$unit]=1; done
    for unit in .fingerprint/*; do
      unit=${unit#*/}
      [ -n "${foreign[${unit%-*}]:-}" ] || continue
      wanted[${unit##*-}]=1
      printf '%s\0' ".fingerprint/$unit"
      [ ! -d "build/$unit" ] || printf '%s\0' "build/$unit"
    done >"$to/list"
    for file in deps/*; do
      hash=${file##*-}
      [ -z "${wanted[${hash%%.*}]:-}" ] || printf '%s\0' "$file"
    done >>"$to/list"
    xargs -0 cp -a --reflink=auto --parents -t "$to" <"$to/list"
    rm "$to/list"
  )
}
