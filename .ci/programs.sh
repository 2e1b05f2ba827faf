# Sourced by ./test: runs test programs side by side, and none for ever.

# A program that takes longer hangs: each of many, and one that has a step of its own. On a machine that does nothing else, the
# slowest ones need half of it.
short_limit=25m long_limit=35m
[ -z "${MOOCFLIX_TEST_LONG:-}" ] || short_limit=1d long_limit=1d

# programs OPTION...: builds test programs and prints each one's file and its package's folder
programs() {
  cargo test --locked --workspace --no-run --message-format=json-render-diagnostics "$@" \
    | jq -r 'select(.profile.test == true and .executable != null) | "\(.executable)\t\(.manifest_path | rtrimstr("/Cargo.toml"))"'
}

# program LIMIT FILE FOLDER [TEST...]: runs all tests of a program, or those named, in the folder where cargo runs them. If it
# does not end in time, what has passed counts; in CI, everything else runs once more, and what hung is reported as unstable.
program() {
  local limit=$1 file=$2 folder=$3 exact=() log pid ended=0 left
  shift 3
  [ $# = 0 ] || exact=(--exact)
  log=$(mktemp "$scratch/program.XXXXXX")
  printf '\n     Running %s\n' "${file##*/}"
  # Its output goes into a file: a child of a test may make a pipe that it inherits non-blocking, and what does not fit would be lost.
  (cd "$folder" && exec timeout --kill-after=10 "$limit" "$file" "${exact[@]}" "$@") >"$log" 2>&1 &
  pid=$!
  touch "$scratch/running.$pid"
  tail --lines=+1 --follow --pid="$pid" "$log"
  wait "$pid" || ended=$?
  rm "$scratch/running.$pid"
  [ "$ended" = 124 ] || [ "$ended" = 137 ] || return "$ended"
  mapfile -t left < <("$file" "${exact[@]}" "$@" --list | sed -n 's/: test$//p' | grep -vxFf <(sed -n 's/^test \(.*\) \.\.\. ok$/\1/p' "$log"))
  printf '\n%s did not end in %s; %d tests hung or never began\n' "${file##*/}" "$limit" ${#left[@]}
  if [ "$ci" = yes ] && [ -z "${hung:-}" ]; then
    printf '\ntest result: ok. %d passed; 0 failed; 0 ignored\n' "$(grep -c '^test .* \.\.\. ok$' "$log")"
    sed -n 's/^test \(.*\) has been running for over .*/\1/p' "$log" | grep -xFf <(printf '%s\n' "${left[@]}") >>"$scratch/hung" || true
    hung=yes program "$limit" "$file" "$folder" "${left[@]}"
  else
    printf '\nfailures:\n'
    printf '    %s\n' "${left[@]}"
    printf '\ntest result: FAILED. %d passed; %d failed; 0 ignored\n' "$(grep -c '^test .* \.\.\. ok$' "$log")" ${#left[@]}
    return 1
  fi
}

# lane PROGRAM...: runs programs one after the other and prints each one's output at its end; fails if one of them did
lane() {
  local it result=0 output
  output=$(mktemp "$scratch/lane.XXXXXX")
  for it in "$@"; do
    program "$short_limit" "${it%$'\t'*}" "${it#*$'\t'}" >"$output" 2>&1 || result=1
    flock "$scratch/printing" cat "$output"
  done
  return "$result"
}

# end_programs: ends what still runs when ./test is interrupted
end_programs() {
  local it
  for it in "$scratch"/running.*; do kill "${it##*.}" 2>/dev/null || true; done
}
