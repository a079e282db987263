#!/usr/bin/env bash
# Fetches what a run of the action is compared with, and sets the output `path` to the directory. Where there is none
# yet that is said, and is no error: the first run has nothing to be compared with.
set -euo pipefail

path="$(mktemp -d "${RUNNER_TEMP:-/tmp}/k6-realtime-baseline-XXXXXX")"

nothing() {
  echo "::notice title=k6-realtime::$1: nothing to compare with"
  exit 0
}

if [[ "$INPUT_BASELINE" == influxdb ]]; then
  scenario="$(basename -- "$INPUT_SCENARIO")"
  code=0
  node "$GITHUB_ACTION_PATH/dist/cli.js" baseline "--from=$INPUT_INFLUXDB_URL" "--scenario=${scenario%.*}" \
    "--branch=$INPUT_BASELINE_BRANCH" "--to=$path" || code=$?
  if ((code == 3)); then nothing "InfluxDB has no green run of the baseline branch"; fi
  if ((code != 0)); then exit "$code"; fi
else
  # GITHUB_WORKFLOW_REF is owner/repository/.github/workflows/file.yml@ref.
  workflow="${GITHUB_WORKFLOW_REF%@*}"
  workflow="${workflow##*/}"
  # A fork's pull request may come from a branch of this name: only what the repository itself ran counts.
  run="$(gh run list --repo "$GITHUB_REPOSITORY" --workflow "$workflow" --branch "$INPUT_BASELINE_BRANCH" \
    --status success --limit 50 --json databaseId,event \
    --jq '[.[] | select(.event == "push" or .event == "schedule" or .event == "workflow_dispatch")][0].databaseId // ""')"
  [[ -n "$run" ]] || nothing "The baseline branch has no green run of $workflow"
  gh run download "$run" --repo "$GITHUB_REPOSITORY" --name "$ARTIFACT" --dir "$path" ||
    nothing "Run $run has no artifact $ARTIFACT"
fi
echo "path=$path" >>"$GITHUB_OUTPUT"
