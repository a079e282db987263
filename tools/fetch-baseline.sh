#!/usr/bin/env bash
# Fetches the artifact of the newest green run of this workflow on the baseline branch, and sets the output `path` to
# it. Without such a run there is nothing to compare with, which is said and is no error: the first run has none.
set -euo pipefail

# GITHUB_WORKFLOW_REF is owner/repository/.github/workflows/file.yml@ref.
workflow="${GITHUB_WORKFLOW_REF%@*}"
workflow="${workflow##*/}"

# A fork's pull request may come from a branch of this name: only what the repository itself ran counts.
run="$(gh run list --repo "$GITHUB_REPOSITORY" --workflow "$workflow" --branch "$INPUT_BASELINE_BRANCH" \
  --status success --limit 50 --json databaseId,event \
  --jq '[.[] | select(.event == "push" or .event == "schedule" or .event == "workflow_dispatch")][0].databaseId // ""')"

if [[ -z "$run" ]]; then
  echo "::notice title=k6-realtime::No green run of $workflow on the baseline branch: nothing to compare with"
  exit 0
fi

path="$(mktemp -d "${RUNNER_TEMP:-/tmp}/k6-realtime-baseline-XXXXXX")"
if gh run download "$run" --repo "$GITHUB_REPOSITORY" --name "$ARTIFACT" --dir "$path"; then
  echo "path=$path" >>"$GITHUB_OUTPUT"
else
  echo "::notice title=k6-realtime::Run $run has no artifact $ARTIFACT: nothing to compare with"
fi
