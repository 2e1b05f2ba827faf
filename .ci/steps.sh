# Sourced by ./test: runs its steps, counts their tests, and reports both at the end.

scratch=$(mktemp -d)
chmod 755 "$scratch"
begun=$SECONDS status=0 failed=() unstable=() stages=() passed_count=0 failed_count=0 skipped_count=0

# step NAME COMMAND...: continues after a failure, so that one run reports all failures; sets `status` to the command's.
# It must not run in a condition, because `set -e` would then not end the command at its first failure.
step() {
  local name=$1 at=$SECONDS result=passed
  shift
  say "== $name"
  set +e
  (set -e; "$@") 2>&1 | tee "$scratch/step.log"
  status=${PIPESTATUS[0]}
  set -e
  if [ "$status" != 0 ]; then
    failed+=("$name")
    result=FAILED
  fi
  stages+=("$(printf '%6d s  %s' $((SECONDS - at)) "$name")")
  say "== $name: $result, $((SECONDS - at)) s"
}

# must NAME COMMAND...: a step that all others depend on
must() {
  step "$@"
  [ "$status" = 0 ] || die "$1 failed; the remaining steps were not run."
}

# counted NAME COMMAND...: a step that runs tests
counted() {
  step "$@"
  counts
}

plain() { sed 's/\x1b\[[0-9;]*m//g' "$scratch/step.log"; }

# counts: adds up the numbers that test runners print (cargo, vitest, node)
counts() {
  local p f s
  read -r p f s < <(plain | awk '
    /^test result:/ { for (i = 1; i < NF; i++) { if ($(i+1) ~ /^passed/) p += $i; if ($(i+1) ~ /^failed/) f += $i; if ($(i+1) ~ /^ignored/) s += $i } }
    /^ +Tests +/ { for (i = 1; i < NF; i++) { if ($(i+1) ~ /^passed/) p += $i; if ($(i+1) ~ /^failed/) f += $i; if ($(i+1) ~ /^(skipped|todo)/) s += $i } }
    END { print p + 0, f + 0, s + 0 }')
  passed_count=$((passed_count + p)) failed_count=$((failed_count + f)) skipped_count=$((skipped_count + s))
  [ "$status" = 0 ] || causes >>"$scratch/causes"
}

# causes: prints the first lines that each failed test of cargo's runner printed, but not of scenes that passed, for the report
causes() {
  plain | awk '/^---- [a-z0-9_:]+ stdout ----$/ { print "  " $2 ":"; left = 12; next } /^failures:$/ { left = 0 }
    left > 0 && NF && !/^ok  / { print "    " substr($0, 1, 400); left-- }'
}

# names_of_failed: prints the tests that cargo's runner lists as failed
names_of_failed() {
  plain | awk '/^failures:$/ { names = ""; next } /^    [a-z0-9_:]+$/ { names = names $1 "\n" } /^test result:/ { printf "%s", names; names = "" }'
}

# again NAME COMMAND...: runs each failed test of the last step, NAME, once more with COMMAND... TEST. If all of them pass,
# the step passes and they are reported as unstable. More than five failures are no coincidence and stay failed.
again() {
  local name=$1 tests test passed=0
  shift
  mapfile -t tests < <(names_of_failed)
  if [ ${#tests[@]} = 0 ] || [ ${#tests[@]} -gt 5 ]; then return; fi
  for test in "${tests[@]}"; do
    step "$name: $test once more" "$@" "$test"
    # a program without this test succeeds, too
    if [ "$status" = 0 ] && plain | grep -q '^test result: ok. 1 passed'; then
      unstable+=("$test")
      passed=$((passed + 1))
    fi
  done
  passed_count=$((passed_count + passed)) failed_count=$((failed_count - passed))
  if [ "$passed" = ${#tests[@]} ]; then
    local left=() it
    for it in "${failed[@]}"; do [ "$it" = "$name" ] || left+=("$it"); done
    failed=("${left[@]}")
  fi
}

# report: prints the result of the run; fails if anything failed
report() {
  local it
  [ "$skipped_count" = 0 ] || failed+=("$skipped_count skipped tests")
  [ "$passed_count" -gt 0 ] || failed+=("no test ran")
  say ""
  printf '%s\n' "${stages[@]}"
  [ ! -e "$scratch/causes" ] || { echo 'what failed tests printed first:'; cat "$scratch/causes"; }
  for it in "${failed[@]}"; do printf 'failed: %s\n' "$it"; done
  [ ! -e "$scratch/hung" ] || mapfile -t -O ${#unstable[@]} unstable <"$scratch/hung"
  for it in "${unstable[@]}"; do printf 'unstable: %s\n' "$it"; done
  printf 'time: %d min %d s\n' $(((SECONDS - begun) / 60)) $(((SECONDS - begun) % 60))
  [ "${#failed[@]}" = 0 ] || [ "$failed_count" -gt 0 ] || failed_count=${#failed[@]}
  printf '%d passed, %d failed, %d skipped\n' "$passed_count" "$failed_count" "$skipped_count"
  printf 'skipped: %d\n' "$skipped_count"
  [ "${#failed[@]}" = 0 ]
}
