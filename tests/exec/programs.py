# SPDX-License-Identifier: Apache-2.0
"""The programs of the table: how each makes one TLS connection to localhost. Each is a function of the port and of a file
with trusted roots."""
import dataclasses
import shutil
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Program:
    name: str
    command: Callable  # (port, roots) -> argument list
    anchors: bool = True  # it has trust anchors, so that a verified path exists
    starttls: str = ""  # what is spoken before TLS


def _curl(*options):
    return lambda port, roots: ["curl", "-sS", "-m", "20", *[roots if one == "ROOTS" else one for one in options],
                                f"https://localhost:{port}/"]


def _wget(*options):
    return lambda port, roots: ["wget", "-q", "-t1", "-T20", "--no-hsts", "-O/dev/null", f"--ca-certificate={roots}",
                                *options, f"https://localhost:{port}/"]


def _python(context):
    return lambda port, roots: ["/usr/bin/python3", "-c", f"import ssl, urllib.request as request\nrequest.urlopen("
                                f"'https://localhost:{port}/', context={context.replace('ROOTS', repr(roots))}, timeout=20)"]


def _s_client(*options):
    # At the end of its standard input it closes.
    return lambda port, roots: ["openssl", "s_client", "-CAfile", roots, *options, "-connect", f"localhost:{port}"]


def _git(port, roots):
    return ["git", "-c", f"http.sslCAInfo={roots}", "ls-remote", f"https://localhost:{port}/repository.git"]


def _perl(port, roots):
    return ["perl", "-MIO::Socket::SSL", "-e",
            f'IO::Socket::SSL->new(PeerAddr => "localhost:{port}", SSL_ca_file => "{roots}", Timeout => 20) or exit 1']


def _php(port, roots):
    return ["php", "-r", f"exit(@file_get_contents('https://localhost:{port}/', false, stream_context_create("
            f"['ssl' => ['cafile' => '{roots}']])) === false ? 1 : 0);"]


def _redis(*options):
    return lambda port, roots: ["redis-cli", "-h", "localhost", "-p", str(port), "--tls", "--cacert", roots, *options, "PING"]


def _mosquitto(*options):
    return lambda port, roots: ["mosquitto_pub", "-h", "localhost", "-p", str(port), "--cafile", roots, *options,
                                "-t", "topic", "-m", "message"]


def _psql(mode):
    def command(port, roots):
        # Debian's psql is a script that chooses a version; PGSSLROOTCERT apart, nothing of it needs a home.
        root = f" sslrootcert={roots}" if mode == "verify-full" else " sslrootcert=/nonexistent"
        return ["psql", "-w", "-c", "select 1", f"host=localhost port={port} user=postgres dbname=postgres connect_timeout=20 "
                f"sslmode={mode}{root}"]
    return command


def _node(port, roots):
    return ["/usr/bin/node", "-e", f"require('https').get({{host: 'localhost', port: {port}, agent: false, timeout: 20000, "
            f"ca: require('fs').readFileSync('{roots}')}}, r => process.exit(0)).on('error', () => process.exit(1))"]


PROGRAMS = [
    Program("curl", _curl("--cacert", "ROOTS")),
    Program("curl -k", _curl("-k"), anchors=False),
    Program("wget", _wget()),
    Program("wget --no-check-certificate", _wget("--no-check-certificate")),
    Program("python3", _python("ssl.create_default_context(cafile=ROOTS)")),
    Program("python3, unverified", _python("ssl._create_unverified_context()"), anchors=False),
    Program("git", _git),
    Program("openssl s_client", _s_client()),
    Program("openssl s_client -starttls", _s_client("-starttls", "smtp"), starttls="smtp"),
    Program("psql verify-full", _psql("verify-full"), starttls="postgres"),
    Program("psql require", _psql("require"), anchors=False, starttls="postgres"),
    Program("perl", _perl),
    Program("php", _php),
    Program("redis-cli", _redis()),
    Program("redis-cli --insecure", _redis("--insecure")),
    Program("mosquitto_pub", _mosquitto()),
    Program("mosquitto_pub --insecure", _mosquitto("--insecure")),
    Program("node", _node),
]


def is_here(program):
    return shutil.which(program.command(1, "x")[0]) is not None
