#!/usr/bin/env bash
# All that can be proved on a machine with an NVIDIA GPU, into one report on standard output: verify, NVIDIA's checkers where they are installed, what ptxas says of the
# kernels, and the rivals in PyTorch. What is not here is skipped, and the report says so. Go is needed, or a verify that was built elsewhere.
#
#   bash sae/cuda/verify/run.sh [VERIFY] >report.md
#
# Exit status 1: something differs, or a checker found something.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
verify=${1:-}
python=${PYTHON:-python3}
status=0

skip() { printf '\n*Skipped: %s.*\n' "$1"; }
step() { printf '\n## %s\n\n' "$1"; }

if [ -z "$verify" ]; then
	if ! command -v go >/dev/null; then
		skip "there is no go to build verify with, and none was named"
		exit 2
	fi
	verify=$scratch/verify
	(cd "$here" && go build -o "$verify" .) || exit 2
fi

"$verify" 2>"$scratch/errors" || { status=$?; sed 's/^/    /' "$scratch/errors"; }

if command -v compute-sanitizer >/dev/null && [ $status -lt 2 ]; then
	for tool in memcheck racecheck synccheck; do
		step "compute-sanitizer --tool $tool"
		if compute-sanitizer --tool "$tool" --error-exitcode 9 "$verify" -steps 3 -time 0 >"$scratch/out" 2>&1; then
			echo "Nothing found."
		else
			status=1
			tail -n 40 "$scratch/out" | sed 's/^/    /'
		fi
	done
else
	skip "memcheck, racecheck and synccheck: there is no compute-sanitizer, or verify did not run"
fi

if command -v ptxas >/dev/null; then
	for arch in sm_80 sm_90; do
		step "ptxas -v, $arch"
		for ptx in "$here"/../kernel/*.ptx; do
			printf '    %s: ' "$(basename "$ptx")"
			ptxas -arch=$arch -v -o /dev/null "$ptx" 2>&1 | grep -o 'Used .*\|[0-9]* bytes spill stores\|error.*' | tr '\n' ' '
			[ "${PIPESTATUS[0]}" = 0 ] || status=1
			echo
		done
	done
else
	skip "registers and spills of the kernels: there is no ptxas"
fi

step "Rivals"
if ! command -v "$python" >/dev/null; then
	skip "the rivals: there is no $python"
elif "$verify" -rivals "$scratch"; then
	"$python" "$here/rivals.py" --parity "$scratch/parity.safetensors" || status=1
fi
exit $status
