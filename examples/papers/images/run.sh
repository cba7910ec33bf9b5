#!/bin/bash
# Trains and scores the comparison, from the root of the repository:
#
#	examples/papers/images/run.sh digits
#	examples/papers/images/run.sh mnist10k mnist10k.parquet    a table with a column image, 784 bytes a row
#
# and writes results/NAME.json.
set -euo pipefail
here=examples/papers/images
host=${HOST:-go run ./host}

case ${1:-digits} in
digits) set -- digits ;;
mnist10k) set -- mnist10k --set params.table="$(realpath "$2")" --set 'params.columns=[image]' --set 'params.noise={image: 1}' \
	--set params.levels=256 --set 'params.shape=[28, 28]' --set params.steps=800 --set params.warmup=100 --set params.every=100 ;;
*) echo "digits, or mnist10k FILE" >&2; exit 2 ;;
esac
name=$1
shift
$host run $here/pipeline.yaml --out runs/images-$name "$@"
go run ./examples/papers/compare runs/images-$name >$here/results/$name.json
