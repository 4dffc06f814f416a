# SPDX-License-Identifier: Apache-2.0
"""What all rows of a column share: the lab's world, and the daemons that other people wrote, started when a row first
asks for one and stopped at the end."""
import contextlib
import functools
import os
import ssl
import sys
import tempfile
import urllib.request

SOURCE = os.environ["COTTER_SOURCE_DIR"]
sys.path.insert(0, os.path.join(SOURCE, "tests/support"))
sys.path.insert(0, os.path.join(SOURCE, "tests/probe"))
import daemons  # noqa: E402
from lab import Lab  # noqa: E402

# Names of every sound leaf: those that rows ask for. The last is bücher.example.
NAMES = ["localhost", "api.example.com", "other.example.com", "127.0.0.1", "::1", "xn--bcher-kva.example"]
PROXY_USER, PROXY_PASSWORD = "alice", "proxy-secret"
SECONDS = 60  # for one exchange with a daemon, on a busy machine


class LabFiles:
    """The lab's identities as tests/probe/daemons.py wants them."""

    def __init__(self, lab):
        self._lab = lab

    def file(self, name):
        stem, kind = name.split(".", 1)
        return self._lab.file(stem, kind)


class Stage:
    """Lives as long as the with statement."""

    def __enter__(self):
        self._stack = contextlib.ExitStack()
        try:
            self.lab = self._stack.enter_context(Lab(world=["--names", ",".join(NAMES)]))
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_):
        self._stack.close()

    def folder(self):
        """A directory of its own for each row."""
        return self._stack.enter_context(tempfile.TemporaryDirectory(prefix="cotter-attack-"))

    @functools.cached_property
    def _files(self):
        return LabFiles(self.lab)

    @functools.cached_property
    def nginx(self):
        """nginx, which presents leaf and intermediate, with HTTP/2 too, and logs what came."""
        log = self._stack.enter_context(tempfile.NamedTemporaryFile(mode="r", prefix="cotter-nginx-"))
        daemons.own(log.name)
        port = self._stack.enter_context(daemons.nginx(self._files, ["leaf"], http2_log=log.name))
        return Nginx(port, log)

    @functools.cached_property
    def haproxy(self):
        """The port of haproxy, which presents the same and answers by itself."""
        return self._stack.enter_context(haproxy(self._files, "http-request return status 200"))

    @functools.cached_property
    def http_proxy(self):
        """URL of tinyproxy, with the credentials that it wants."""
        port = self._stack.enter_context(daemons.tinyproxy(PROXY_USER, PROXY_PASSWORD))
        return f"http://{PROXY_USER}:{PROXY_PASSWORD}@127.0.0.1:{port}"

    @functools.cached_property
    def https_proxy_port(self):
        """The port of haproxy before tinyproxy: a proxy that is spoken to by TLS, as `backup`."""
        tinyproxy = self.http_proxy.rsplit(":", 1)[1]
        return self._stack.enter_context(haproxy(self._files, None, "backup", f"127.0.0.1:{tinyproxy}"))

    @functools.cached_property
    def socks_proxy(self):
        """URL of microsocks."""
        home = self._stack.enter_context(daemons.directory())
        port = daemons.free_port()
        self._stack.enter_context(
            daemons.daemon(["/usr/bin/microsocks", "-i", "127.0.0.1", "-p", str(port)], port, home))
        return f"socks5h://127.0.0.1:{port}"

    def mitmproxy(self, *mode):
        """mitmproxy for a with statement: a proxy, unless its --mode says otherwise."""
        return Interceptor(self.lab, mode)


class Nginx:
    """A running nginx: its port, and its log of host and Authorization."""

    def __init__(self, port, log):
        self.port, self._log = port, log

    def secrets_of(self, host):
        """What every request for `host` carried."""
        self._log.seek(0)
        return [secret for name, _, secret in (line.strip().partition(" ") for line in self._log) if name == host]


@contextlib.contextmanager
def haproxy(files, answer, name="leaf", behind=None):
    """haproxy with a certificate of the lab; it answers by itself, or passes everything on to `behind`."""
    with daemons.directory() as path:
        home, port = daemons.Home(path, files), daemons.free_port()
        with open(home.chain(name), encoding="ascii") as chain, open(home.key(name), encoding="ascii") as key:
            pair = home.write("pair.pem", chain.read() + key.read())
        does = f"mode http\n  {answer}" if behind is None else f"mode tcp\n  server only {behind}"
        config = home.write("haproxy.cfg", f"""
defaults
  timeout connect 30s
  timeout client 30s
  timeout server 30s
listen only
  bind 127.0.0.1:{port} ssl crt {pair}
  {does}
""")
        with daemons.daemon(["/usr/sbin/haproxy", "-db", "-f", config], port, path):
            yield port


class Interceptor:
    """mitmdump, which reads what clients without pins say, with certificates of its own for every name."""

    CONTROL = "Bearer control"

    def __init__(self, lab, mode):
        self._lab, self._mode = lab, mode

    def __enter__(self):
        self._stack = contextlib.ExitStack()
        home = self._stack.enter_context(daemons.directory())
        daemons.own(home)
        roots = os.path.join(home, "roots.pem")
        with open(self._lab.file("root"), encoding="ascii") as source, open(roots, "w", encoding="ascii") as copy:
            copy.write(source.read())
        self.port = daemons.free_port()
        self._log = os.path.join(home, "log")
        self.ca = os.path.join(home, "mitmproxy-ca-cert.pem")
        words = ["/usr/bin/mitmdump", "--set", f"confdir={home}", "--listen-host", "127.0.0.1", "-p", str(self.port),
                 *self._mode, "--set", f"ssl_verify_upstream_trusted_ca={roots}", "--set", "flow_detail=3"]
        self._stack.enter_context(daemons.daemon(words, self.port, home))
        return self

    def __exit__(self, *_):
        self._stack.close()

    def control(self, url, proxy=None):
        """A client without pins, Python's: its request is answered."""
        context = ssl.create_default_context(cafile=self.ca)
        request = urllib.request.Request(url, headers={"Authorization": self.CONTROL})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({"https": proxy} if proxy else {}),
                                             urllib.request.HTTPSHandler(context=context))
        with opener.open(request, timeout=SECONDS) as answer:
            assert answer.status == 200, answer.status

    def saw_only_the_control(self):
        """It read the control's secret, and no other."""
        with open(self._log, encoding="utf-8", errors="replace") as log:
            seen = log.read()
        assert self.CONTROL in seen and "canary" not in seen, seen
