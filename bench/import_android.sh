#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# bench/import_android.sh PROGRAM: an Android configuration of 1,000 domains with three pins each, imported. Prints the
# median of nine runs in milliseconds, start to end, beside the limit of 50, and what an empty command takes.
set -euo pipefail
program=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -B - "$program" "$folder" <<'PY'
import base64, hashlib, statistics, subprocess, sys, time

program, folder = sys.argv[1:]

def pin(text):
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

with open(f"{folder}/pins.xml", "w") as out:
    out.write("<network-security-config>\n")
    for i in range(1000):
        out.write(f'  <domain-config>\n    <domain includeSubdomains="true">api{i}.example.com</domain>\n    <pin-set>\n')
        for key in ("key", "backup", "ca"):
            out.write(f'      <pin digest="SHA-256">{pin(f"{key}{i}")}</pin>\n')
        out.write("    </pin-set>\n  </domain-config>\n")
    out.write("</network-security-config>\n")

def measure(*words):
    times = []
    for _ in range(9):
        begin = time.perf_counter()
        subprocess.run([program, *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        times.append((time.perf_counter() - begin) * 1000)
    return statistics.median(times)

print(f"import, 1,000 domains: {measure('import', f'{folder}/pins.xml'):.1f} ms (limit 50)")
print(f"version: {measure('version'):.1f} ms")
PY
