# SPDX-License-Identifier: Apache-2.0
"""Exported Go, compiled by Debian's Go without a network, and clean for gofmt and go vet."""
import os
import shutil

import proof


class Go(proof.Proof):
    name = "go"

    def run_cases(self, cases):
        words = [" ".join([*policies, url]) for policies, url, _, _ in cases]
        return proof.command(self.program(), self.roots, *words).stdout.splitlines()

    def program(self):
        if os.path.exists(self.path("proof")) and getattr(self, "compiled", False):
            return self.path("proof")
        packages = sorted(self.exported)
        for name in packages:
            self.write(f"{name}/pins.go", self.exported[name])
        self.write("go.mod", "module proof\n\ngo 1.19\n")
        self.write("transports.go",
                   "package main\n\nimport (\n\t\"net/http\"\n"
                   + "".join(f"\t{name} \"proof/{name}\"\n" for name in packages)
                   + ")\n\nvar transports = map[string]func(*http.Transport) http.RoundTripper{\n"
                   + "".join(f"\t\"{name}\": {name}.Transport,\n" for name in packages) + "}\n")
        shutil.copy(os.path.join(proof.SOURCE, "tests/stacks/client.go"), self.path("main.go"))
        environment = {**os.environ, "GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOTOOLCHAIN": "local",
                       "GOCACHE": self.path("cache"), "CGO_ENABLED": "0", "GOPATH": self.path("path")}
        unformatted = proof.command("gofmt", "-l", self.path("leaf")).stdout
        assert unformatted == "", f"gofmt would change {unformatted}"
        proof.command("go", "vet", "./leaf", cwd=self.folder, env=environment)
        proof.command("go", "build", "-o", "proof", ".", cwd=self.folder, env=environment)
        self.compiled = True
        return self.path("proof")


proof.main(Go)
