# SPDX-License-Identifier: Apache-2.0
"""psql, which asks in clear whether TLS may begin, under `cotter exec`. The secret is the name of a database; of the answer,
which is no PostgreSQL's, psql complains."""
from raw_program import answered, serve


def quoted(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def program(mode, root):
    def command(of):
        words = {"host": of.host, "hostaddr": "" if of.address == of.host else of.address, "port": str(of.port),
                 "user": "nobody", "dbname": of.secret, "sslmode": "require" if "verify_none" in of.careless else mode,
                 "sslrootcert": root or of.roots, "sslcert": of.cert or "/nonexistent", "sslkey": of.key or "/nonexistent",
                 "connect_timeout": "40", "gssencmode": "disable"}
        if is_name(of.address):
            del words["hostaddr"]  # it takes numbers alone; the name is resolved
        return ["psql", "-w", "-c", "select 1", " ".join(f"{key}={quoted(word)}" for key, word in words.items() if word)]
    return command


def is_name(address):
    return address[-1].isalpha() or address.endswith(".")


def run(mode, root=None):
    serve(program(mode, root), answered("expected authentication request from server, but received H"),
          # It compares the name when the handshake is over.
          late=lambda outcome: "does not match host name" in outcome.err)


if __name__ == "__main__":
    run("verify-full")
