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
  local limit=$1 file=$2 folder=$3 exact=() log ended=0 left
  shift 3
  [ $# = 0 ] || exact=(--exact)
  log=$(mktemp "$scratch/program.XXXXXX")
  printf '\n     Running %s\n' "${file##*/}"
  (cd "$folder" && exec timeout --kill-after=10 "$limit" "$file" "${exact[@]}" "$@") 2>&1 | tee "$log" || ended=${PIPESTATUS[0]}
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
