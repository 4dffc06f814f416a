# SPDX-License-Identifier: Apache-2.0
"""Servers that other people wrote, started on free ports of 127.0.0.1 with everything they need in a directory of their
own. As root they run as nobody, because some refuse root; as anybody else they run as that user."""
import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time

READY_SECONDS = 30  # how long a daemon may take to listen, on a busy machine


def free_port(address="127.0.0.1"):
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def directory():
    """A temporary directory that the daemons can use; made in /tmp, because nobody must be able to reach it."""
    with tempfile.TemporaryDirectory(prefix="cotter-daemon-", dir="/tmp") as path:
        os.chmod(path, 0o755)
        yield path


def own(path):
    """Gives `path` to the user that the daemons run as."""
    if os.geteuid() == 0:
        user = pwd.getpwnam("nobody")
        os.chown(path, user.pw_uid, user.pw_gid)


def as_daemon():
    if os.geteuid() != 0:
        return {}
    return {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}


def wait_for(process, port, log, address="127.0.0.1"):
    end = time.monotonic() + READY_SECONDS
    while True:
        try:
            socket.create_connection((address, port), timeout=READY_SECONDS).close()
            return
        except OSError:
            if process.poll() is None and time.monotonic() < end:
                time.sleep(0.01)
                continue
        with open(log, "rb") as text:
            raise RuntimeError(f"{process.args[0]} does not listen: {text.read()[-2000:]!r}")


@contextlib.contextmanager
def daemon(arguments, port, home, address="127.0.0.1"):
    """Runs a program until the end of the with statement; entered once it accepts connections."""
    log = os.path.join(home, "log")
    with open(log, "wb") as out:
        process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=home, **as_daemon())
    try:
        wait_for(process, port, log, address)
        yield
    finally:
        process.terminate()
        try:
            process.wait(READY_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Home:
    """A daemon's directory, with copies of the keys that it must own."""

    def __init__(self, path, pki):
        self.path = path
        self.pki = pki
        own(path)

    def key(self, name):
        copy = os.path.join(self.path, name + ".key")
        shutil.copyfile(self.pki.file(name + ".key"), copy)
        os.chmod(copy, 0o600)
        own(copy)
        return copy

    def chain(self, name):
        copy = os.path.join(self.path, name + ".pem")
        shutil.copyfile(self.pki.file(name + ".chain.pem"), copy)
        os.chmod(copy, 0o644)
        return copy

    def write(self, name, text):
        path = os.path.join(self.path, name)
        with open(path, "w", encoding="ascii") as out:
            out.write(text)
        os.chmod(path, 0o644)
        own(path)
        return path

    def make(self, name):
        path = os.path.join(self.path, name)
        os.mkdir(path)
        own(path)
        return path


@contextlib.contextmanager
def openssl_server(pki, identities, options=(), port=None, address="127.0.0.1"):
    """openssl s_server with one identity, or one of each key type."""
    with directory() as path:
        home, port = Home(path, pki), port or free_port(address)
        arguments = ["openssl", "s_server", "-quiet", "-accept", f"{address}:{port}" if ":" not in address
                     else f"[{address}]:{port}", *options]
        for prefix, name in zip(("", "d"), identities):
            chain = home.chain(name)
            arguments += [f"-{prefix}cert", chain, f"-{prefix}cert_chain", chain, f"-{prefix}key", home.key(name)]
        # -naccept is not given, so it serves until it is ended; each connection ends with the client's.
        with daemon(arguments, port, path, address):
            yield port


@contextlib.contextmanager
def nginx(pki, identities, only_for=None, http2_log=None):
    """With both key types if there are two identities; `only_for`: handshakes for other names are rejected; `http2_log`: HTTP/2
    too, and host and Authorization of each request into this file."""
    with directory() as path:
        home, port = Home(path, pki), free_port()
        certificates = "".join(f"ssl_certificate {home.chain(name)}; ssl_certificate_key {home.key(name)};\n"
                               for name in identities)
        temporary = "".join(f"{kind}_temp_path {path};\n"
                            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        others = f"server {{ listen 127.0.0.1:{port} ssl default_server; ssl_reject_handshake on; }}" if only_for else ""
        log = f"log_format said '$host $http_authorization'; access_log {http2_log} said;" if http2_log else "access_log off;"
        config = home.write("nginx.conf", f"""
            daemon off; master_process off; pid {path}/pid; error_log stderr; events {{}}
            http {{ {log} {temporary} {others}
                    server {{ listen 127.0.0.1:{port} ssl {"http2" if http2_log else ""};
                              server_name {only_for or "_"}; {certificates} }} }}""")
        with daemon(["/usr/sbin/nginx", "-e", "stderr", "-c", config], port, path):
            yield port


@contextlib.contextmanager
def postgres(pki, name="ec"):
    binaries = "/usr/lib/postgresql/15/bin"
    with directory() as path:
        home, port = Home(path, pki), free_port()
        data = home.make("data")
        subprocess.run([f"{binaries}/initdb", "-D", data, "-A", "trust", "-N", "--no-instructions"],
                       check=True, capture_output=True, cwd=path, **as_daemon())
        settings = [f"ssl_cert_file={home.chain(name)}", f"ssl_key_file={home.key(name)}", "ssl=on", "fsync=off",
                    "unix_socket_directories=", "listen_addresses=127.0.0.1"]
        arguments = [f"{binaries}/postgres", "-D", data, "-p", str(port)]
        for setting in settings:
            arguments += ["-c", setting]
        with daemon(arguments, port, path):
            yield port


@contextlib.contextmanager
def mariadb(pki, name="ec"):
    with directory() as path:
        home, port = Home(path, pki), free_port()
        with daemon(["/usr/sbin/mariadbd", "--no-defaults", f"--datadir={home.make('data')}", "--skip-grant-tables",
                     "--skip-innodb", "--default-storage-engine=Aria", "--bind-address=127.0.0.1", f"--port={port}",
                     f"--socket={path}/socket", f"--ssl-cert={home.chain(name)}", f"--ssl-key={home.key(name)}",
                     "--lc-messages-dir=/usr/share/mysql"], port, path):
            yield port


@contextlib.contextmanager
def slapd(pki, name="ec"):
    with directory() as path:
        home, port = Home(path, pki), free_port()
        # GnuTLS takes the leaf from one file and the issuers from another.
        config = home.write("slapd.conf", f"TLSCertificateFile {home.chain(name)}\n"
                                          f"TLSCertificateKeyFile {home.key(name)}\npidfile {path}/pid\n")
        with daemon(["/usr/sbin/slapd", "-d", "0", "-h", f"ldap://127.0.0.1:{port}", "-f", config], port, path):
            yield port


@contextlib.contextmanager
def prosody(pki, name="ec"):
    with directory() as path:
        home, port = Home(path, pki), free_port()
        config = home.write("prosody.lua", f"""
            daemonize = false; pidfile = "{path}/pid"; data_path = "{home.make('data')}"
            interfaces = {{ "127.0.0.1" }}; c2s_ports = {{ {port} }}; s2s_ports = {{}}
            http_ports = {{}}; https_ports = {{}}
            modules_enabled = {{ "tls", "saslauth" }}; modules_disabled = {{ "s2s", "posix" }}
            certificates = "{path}"
            ssl = {{ certificate = "{home.chain(name)}", key = "{home.key(name)}" }}
            log = {{ {{ levels = {{ min = "warn" }}, to = "console" }} }}
            VirtualHost "api.example.com"
            """)
        with daemon(["/usr/bin/prosody", "--config", config, "-F"], port, path):
            yield port


@contextlib.contextmanager
def vsftpd(pki, name="rsa"):
    with directory() as path:
        home, port = Home(path, pki), free_port()
        config = home.write("vsftpd.conf", "\n".join([
            "listen=YES", "listen_address=127.0.0.1", f"listen_port={port}", "background=NO",
            "run_as_launching_user=YES", "anonymous_enable=YES", "local_enable=NO", "ssl_enable=YES",
            "allow_anon_ssl=YES", f"rsa_cert_file={home.chain(name)}", f"rsa_private_key_file={home.key(name)}",
            "ssl_ciphers=HIGH", "seccomp_sandbox=NO", f"vsftpd_log_file={path}/vsftpd.log",
            f"secure_chroot_dir={home.make('empty')}", ""]))
        with daemon(["/usr/sbin/vsftpd", config], port, path):
            yield port


@contextlib.contextmanager
def dovecot(pki, name="ec"):
    """One server, three ports: {"imap": …, "pop3": …, "smtp": …}; the last is its submission service."""
    with directory() as path:
        home = Home(path, pki)
        ports = {protocol: free_port() for protocol in ("imap", "pop3", "smtp")}
        user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        group = "nogroup" if os.geteuid() == 0 else str(os.getegid())
        logins = ""
        for protocol, service in (("imap", "imap"), ("pop3", "pop3"), ("smtp", "submission")):
            logins += f"""
service {service}-login {{
  chroot =
  inet_listener {service} {{
    port = {ports[protocol]}
  }}
  inet_listener {service}s {{
    port = 0
  }}
}}
"""
        config = home.write("dovecot.conf", f"""
base_dir = {home.make('run')}
state_dir = {home.make('state')}
log_path = /dev/stderr
protocols = imap pop3 submission
listen = 127.0.0.1
ssl = required
ssl_cert = <{home.chain(name)}
ssl_key = <{home.key(name)}
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
submission_relay_host = 127.0.0.1
mail_location = maildir:{path}/mail
passdb {{
  driver = static
  args = nopassword
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
{logins}""")
        with daemon(["/usr/sbin/dovecot", "-F", "-c", config], ports["imap"], path):
            yield ports


@contextlib.contextmanager
def tinyproxy(user, password):
    with directory() as path:
        own(path)
        port = free_port()
        config = os.path.join(path, "tinyproxy.conf")
        with open(config, "w", encoding="ascii") as out:
            out.write(f"Port {port}\nListen 127.0.0.1\nMaxClients 20\nTimeout 30\nBasicAuth {user} {password}\n"
                      "LogLevel Critical\n")
        with daemon(["/usr/bin/tinyproxy", "-d", "-c", config], port, path):
            yield port


@contextlib.contextmanager
def plain_smtp():
    """Python's own SMTP server, which has never heard of STARTTLS."""
    with directory() as path:
        own(path)
        port = free_port()
        program = ("import asyncore, smtpd\n"
                   f"smtpd.SMTPServer(('127.0.0.1', {port}), None)\nasyncore.loop()\n")
        with daemon(["/usr/bin/python3", "-B", "-W", "ignore", "-c", program], port, path):
            yield port
