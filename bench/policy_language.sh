#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# bench/policy_language.sh PROGRAM: a TOML policy of 10,000 rules, read, judged and indexed (policy compile), and asked
# for one host (policy show). Prints the median of five runs in milliseconds beside the limits of 500 and 150, and the
# memory in MiB beside 200.
set -euo pipefail
program=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -B - "$folder/policy.toml" <<'PY'
import base64, hashlib, sys

def pin(text):
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

with open(sys.argv[1], "w") as out:
    out.write('[policy]\nenvironment = "production"\nexpires = 2099-01-01\n')
    for i in range(10_000):
        out.write(f'\n[[host]]\npattern = "api{i}.example.com"\npins = [\n')
        for label in ("key", "backup", "ca"):
            out.write(f'  {{ pin = "sha256/{pin(f"{label}{i}")}", label = "{label}" }},\n')
        out.write("]\n")
PY
python3 -B - "$program" "$folder" <<'PY'
import resource, statistics, subprocess, sys, time

program, folder = sys.argv[1:]

def measure(name, limit, *words):
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        subprocess.run([program, *words, "--policy", f"{folder}/policy.toml"], check=True, stdout=subprocess.DEVNULL)
        times.append((time.perf_counter() - begin) * 1000)
    print(f"{name}: {statistics.median(times):.0f} ms (limit {limit})")

measure("policy compile, 10,000 rules", 500, "policy", "compile", "--output", f"{folder}/cache")
measure("policy show HOST, 10,000 rules", 150, "policy", "show", "api9999.example.com")
memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(f"memory: {memory:.0f} MiB (limit 200)")
PY
