# SPDX-License-Identifier: Apache-2.0
"""Exported Java in Debian's OkHttp 3.13.1."""
import os

import proof

JARS = "/usr/share/java/okhttp.jar:/usr/share/java/okio.jar"


class Okhttp(proof.Proof):
    name = "okhttp 3.13.1"
    options = ["--language", "java", "--okhttp-version", "3.13.1"]

    def run_cases(self, cases):
        sources = [self.write(f"Pins_{name}.java", text.replace("CotterPins", f"Pins_{name}"))
                   for name, text in self.exported.items()]
        client = os.path.join(proof.SOURCE, "tests/stacks/Client.java")
        if not getattr(self, "compiled", False):
            proof.command("javac", "-Xlint:-options", "-proc:none", "-cp", JARS, "-d", self.folder,
                          client, *sources)
            self.compiled = True
        hosts = self.write("hosts", f"127.0.0.1 {proof.HOST}\n127.0.0.1 {proof.HOST}.\n")
        words = [" ".join([f"Pins_{name}" for name in policies] + [url])
                 for policies, url, _, _ in cases]
        done = proof.command("java", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
                             f"-Djdk.net.hosts.file={hosts}", "-cp", f"{JARS}:{self.folder}",
                             "Client", self.roots, *words)
        return done.stdout.splitlines()


proof.main(Okhttp)
