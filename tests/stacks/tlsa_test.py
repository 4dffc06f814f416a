# SPDX-License-Identifier: Apache-2.0
"""Exported TLSA records in openssl s_client -dane_*.

OpenSSL itself is wrong in one case: it does not look at the records again when a session is resumed.
The table shows it; docs/formats.md says so."""
import proof


class Tlsa(proof.Proof):
    name = "tlsa"
    # A root is pinned as 2 1 1, which matches only what a server sends.
    expected = {**proof.PERFECT, "root pin": "refuse", "changed": "accept"}

    def export(self, name):
        text = super().export(name)
        done = proof.command(proof.COTTER, "export", "--to", "tlsa", self.policy(name))
        # What the column "changed" shows, and what usage 3 means, is told with every export.
        assert "loss: enforcement: OpenSSL does not look at records again when it resumes" in done.stderr
        assert ("usage 3" in done.stderr) == (" TLSA 3 1 1 " in text), done.stderr
        return text

    def run_cases(self, cases):
        return [self.get(*case) for case in cases]

    def get(self, policies, _, server, host):
        answer = ""
        for name in policies:
            records = [line.split(" IN TLSA ")[1].split(" ;")[0]
                       for line in self.exported[name].splitlines() if " IN TLSA " in line]
            words = ["openssl", "s_client", "-connect", self.lab.address(server), "-CAfile", self.roots,
                     "-servername", host.rstrip("."), "-dane_tlsa_domain", host.rstrip("."),
                     "-verify_return_error", "-quiet", "-no_ign_eof", "-tls1_2"]
            for record in records:
                words += ["-dane_tlsa_rrdata", record]
            session = self.path("session.pem")
            words += ["-sess_out" if name == policies[0] else "-sess_in", session]
            done = proof.command(*words, text="", check=False)
            failed = done.returncode != 0 or "verify error" in done.stderr
            answer = "refuse " + done.stderr.replace("\n", " ") if failed else "accept"
        return answer


proof.main(Tlsa)
