#!/bin/bash -eu
# Builds every target into $OUT, with its corpus and its dictionary: what OSS-Fuzz runs in its
# container, in the folder of the source.

cargo fuzz build -O --features libfuzzer
built=target/x86_64-unknown-linux-gnu/release

for wrapper in fuzz/fuzz_targets/*.rs; do
    target=$(basename "$wrapper" .rs)
    cp "$built/$target" "$OUT/"
    (cd "fuzz/corpus/$target" && zip --quiet "$OUT/${target}_seed_corpus.zip" ./*)
    if [ -f "fuzz/dictionaries/$target.dict" ]; then
        cp "fuzz/dictionaries/$target.dict" "$OUT/"
    fi
done
