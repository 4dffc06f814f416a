# SPDX-License-Identifier: Apache-2.0
"""nginx serving a repository of signed policies over TLS, as docs/distribution.md has it.

    with PinServer(repository) as server:
        repository.update("targets"), server.upload()
        server.url, server.ca, server.requests()
"""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

START_SECONDS = 30


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class PinServer:
    """`repository` is a tuf_repository.Repository; its files are served from a folder, at `url` with any prefix."""

    def __init__(self, repository):
        self.repository = repository
        self._folder = tempfile.TemporaryDirectory(prefix="cotter-pins-")
        self.dir = pathlib.Path(self._folder.name)
        os.chmod(self.dir, 0o755)
        self.ca = str(self.dir / "ca.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "30", "-subj", "/CN=pins", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", self.dir / "key.pem", "-out", self.ca], check=True, capture_output=True, timeout=60)
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.upload()

    def upload(self, prefix=""):
        """What the repository has now, the timestamp last, each file by a rename: as a publisher uploads."""
        files = sorted(self.repository.files.items(), key=lambda item: "timestamp" in item[0])
        for name, content in files:
            path = self.dir / "www" / prefix / name
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_name(path.name + ".new")
            beside.write_bytes(content)
            beside.rename(path)

    def requests(self):
        """(status, path, bytes of the body) of every request so far."""
        lines = (self.dir / "access.log").read_text().splitlines()
        return [(int(status), path, int(size)) for status, path, size in (line.split() for line in lines)]

    def __enter__(self):
        config = self.dir / "nginx.conf"
        temporary = "".join(f"{kind}_temp_path {self.dir}/tmp; "
                            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        config.write_text(f"""
            daemon off; master_process off; pid {self.dir}/pid; error_log stderr;
            events {{}}
            http {{ log_format said '$status $uri $body_bytes_sent'; access_log {self.dir}/access.log said; {temporary}
                    types {{ application/json json; }}
                    server {{ listen 127.0.0.1:{self.port} ssl; root {self.dir}/www;
                              ssl_certificate {self.ca}; ssl_certificate_key {self.dir}/key.pem;
                              location / {{ add_header Cache-Control "public, max-age=31536000, immutable"; }}
                              location ~ /timestamp.json$ {{ add_header Cache-Control "public, max-age=300"; }} }} }}""")
        self._process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "/usr/sbin/nginx", "-e", "stderr", "-c", config],
                                         stderr=subprocess.DEVNULL)
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                if time.monotonic() > end or self._process.poll() is not None:
                    self.__exit__()
                    raise
                time.sleep(0.02)

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)
        self._folder.cleanup()
