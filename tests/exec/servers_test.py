# SPDX-License-Identifier: Apache-2.0
"""Programs under `cotter exec` do their work against real servers with a pinned key, and get nothing from the same server
with another one: git over HTTPS (nginx), psql (PostgreSQL), redis-cli (Redis), mosquitto_pub and mosquitto_sub. S2-13, S3-01."""
import contextlib
import os
import pathlib
import subprocess
import sys

from stage import SOURCE, Stage

sys.path.insert(0, str(SOURCE / "tests/probe"))

from daemons import Home, daemon, directory, free_port, postgres  # noqa: E402


class LabKeys:
    """The lab's certificates, as daemons.py asks for them."""

    def __init__(self, stage):
        self._dir = stage.lab.dir

    def file(self, name):
        return os.path.join(self._dir, name)


@contextlib.contextmanager
def redis(keys, name):
    with directory() as path:
        home, port = Home(path, keys), free_port()
        words = ["redis-server", "--port", "0", "--tls-port", str(port), "--bind", "127.0.0.1", "--tls-cert-file",
                 home.chain(name), "--tls-key-file", home.key(name), "--tls-ca-cert-file", home.chain(name),
                 "--tls-auth-clients", "no", "--dir", path, "--save", ""]
        with daemon(words, port, path):
            yield port


@contextlib.contextmanager
def mosquitto(keys, name):
    with directory() as path:
        home, port = Home(path, keys), free_port()
        config = home.write("mosquitto.conf", f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
                            f"certfile {home.chain(name)}\nkeyfile {home.key(name)}\n")
        with daemon(["/usr/sbin/mosquitto", "-c", config], port, path):
            yield port


@contextlib.contextmanager
def git_server(keys, name):
    """A repository as static files behind nginx."""
    with directory() as path:
        home, port = Home(path, keys), free_port()
        repository = os.path.join(path, "repository.git")
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@a",
                       "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@a"}
        work = os.path.join(path, "work")
        for words in (["init", "-q", work], ["-C", work, "commit", "-q", "--allow-empty", "-m", "first"],
                      ["clone", "-q", "--bare", work, repository], ["-C", repository, "update-server-info"]):
            subprocess.run(["git", *words], check=True, capture_output=True, env=environment)
        temporary = "".join(f"{kind}_temp_path {path};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        config = home.write("nginx.conf", f"""daemon off; master_process off; pid {path}/pid; error_log stderr; events {{}}
            http {{ access_log off; {temporary} server {{ listen 127.0.0.1:{port} ssl; root {path};
                    ssl_certificate {home.chain(name)}; ssl_certificate_key {home.key(name)}; }} }}""")
        with daemon(["/usr/sbin/nginx", "-e", "stderr", "-c", config], port, path):
            yield port


def clone(stage, port):
    target = str(stage.dir / f"clone-{port}")
    return ["git", "-c", f"http.sslCAInfo={stage.roots}", "clone", "-q", f"https://localhost:{port}/repository.git", target]


def query(stage, port):
    return ["psql", "-w", "-A", "-t", "-c", "select 6 * 7", f"host=localhost port={port} user=nobody dbname=postgres "
            f"sslmode=verify-full sslrootcert={stage.roots}"]


def ping(stage, port):
    return ["redis-cli", "-h", "localhost", "-p", str(port), "--tls", "--cacert", stage.roots, "PING"]


def publish(stage, port):
    return ["mosquitto_pub", "-h", "localhost", "-p", str(port), "--cafile", stage.roots, "-t", "topic", "-m", "text"]


def postgres_as(keys, name):
    return postgres(keys, name)


CASES = [("git", git_server, clone, ""), ("PostgreSQL", postgres_as, query, "42\n"), ("Redis", redis, ping, "PONG\n"),
         ("mosquitto", mosquitto, publish, "")]


def main():
    with Stage([]) as stage:
        keys = LabKeys(stage)
        stage.pin(("root", "ca"))
        # The superuser of a database is whoever made it.
        user = "nobody" if os.geteuid() == 0 else pathlib.Path.home().name
        for name, serve, command, output in CASES:
            with serve(keys, "leaf") as port:
                words = [word.replace("user=nobody", f"user={user}") for word in command(stage, port)]
                run = stage.run(words)
                stage.check(run.code == 0 and run.out == output, f"{name}: the pinned server", run)
                stage.check(set(run.outcomes()) == {"pinned_ok"}, f"{name}: is judged", run)
            with serve(keys, "rogue-leaf") as port:
                words = [word.replace("user=nobody", f"user={user}") for word in command(stage, port)]
                run = stage.run(words)
                stage.check(run.code != 0 and run.out != output or not output, f"{name}: another server", run)
                stage.check(run.code != 0 and set(run.outcomes()) == {"pin_mismatch"}, f"S3-01: {name} is refused", run)
        return stage.finish()


if __name__ == "__main__":
    sys.exit(main())
