#!/usr/bin/env bash
# Prints how much of src/heap the corpus of a fuzz target runs: cargo fuzz run, and then fuzz/coverage.sh [TARGET]
# (snapshot). LLVM's tools have to be of rustc's own LLVM (rustc --version -v): LLVM_SUFFIX=-22 names Debian's
# llvm-profdata-22.
set -euo pipefail
cd "$(dirname "$0")"
target=${1:-snapshot}
out=coverage
suffix=${LLVM_SUFFIX:-}
# A fork for each job of the fuzzer would write over the other's profile.
RUSTFLAGS='-C instrument-coverage --cfg fuzzing' cargo build --release --bin "$target" --target-dir "$out/target"
LLVM_PROFILE_FILE="$out/%p.profraw" "$out/target/release/$target" -runs=0 "corpus/$target" 2>"$out/run.log" || { tail "$out/run.log"; exit 1; }
"llvm-profdata$suffix" merge -sparse "$out"/*.profraw -o "$out/merged.profdata"
rm "$out"/*.profraw
"llvm-cov$suffix" report "$out/target/release/$target" -instr-profile="$out/merged.profdata" --sources ../src/heap
