# SPDX-License-Identifier: Apache-2.0
"""The Python binding on real connections: urllib, http.client, urllib3, asyncio, against a genuine server and an
interceptor's that records what it got.

S2-10, S2-12, S1-26, S1-27, S1-30, S3-45."""
import asyncio
import base64
import contextlib
import http.client
import io
import os
import pathlib
import socket
import ssl
import sys
import tempfile
import unittest
import urllib.request
import warnings

import urllib3

SOURCE = pathlib.Path(os.environ["COTTER_SOURCE_DIR"])
os.environ["COTTER_LIBRARY"] = os.environ["COTTER_BUILD_DIR"] + "/src/capi/libcotter.so.1"
sys.path[:0] = [str(SOURCE / "tests/support"), str(SOURCE / "bindings/python")]
import cotter  # noqa: E402
from cotter import _layout  # noqa: E402
from lab import Lab  # noqa: E402

HOST = "localhost"
SECRET = {"Authorization": "Bearer top-secret"}
GENUINE, ROGUE, ASKING, ROGUE_ASKING = range(4)


def policy(*pins, version=1):
    listed = ", ".join(f'{{ pin = "{pin}" }}' for pin in pins)
    return cotter.Policy.parse(f'[policy]\nname = "test"\nversion = {version}\n[[host]]\npattern = "{HOST}"\n'
                               f"pins = [{listed}]\n")


def by_urllib(context, port):
    with urllib.request.urlopen(urllib.request.Request(f"https://{HOST}:{port}/", headers=SECRET), context=context,
                                timeout=30) as response:
        return response.status


def by_http_client(context, port):
    connection = http.client.HTTPSConnection(HOST, port, context=context, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", "/", headers=SECRET)
        return connection.getresponse().status


def by_urllib3(context, port):
    with urllib3.PoolManager(ssl_context=context, retries=False) as pool:
        return pool.request("GET", f"https://{HOST}:{port}/", headers=SECRET, timeout=30).status


def by_asyncio(context, port):
    async def get():
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=HOST)
        writer.write(b"GET / HTTP/1.0\r\nAuthorization: Bearer top-secret\r\n\r\n")
        line = await reader.readline()
        writer.close()
        return int(line.split()[1])
    return asyncio.run(get())


WAYS = (by_urllib, by_http_client, by_urllib3, by_asyncio)


def pin_error(error):
    """The PinError that a library wrapped."""
    while error is not None and not isinstance(error, cotter.PinError):
        error = getattr(error, "reason", None) or error.__cause__ or error.__context__ or next(
            (part for part in error.args if isinstance(part, BaseException)), None)
    return error


class Case(unittest.TestCase):
    def setUp(self):
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)
        asking = ["--client-certificates", "requested"]
        self.lab = self.stack.enter_context(
            Lab(["--identity", "leaf"], ["--identity", "rogue-leaf"], ["--identity", "leaf", *asking],
                ["--identity", "rogue-leaf", *asking]))
        self.trust = cotter.Trust(files=[self.lab.file("root"), self.lab.file("rogue-root")], system_roots=False)
        self.pinned = policy(self.lab.pin("leaf"), self.lab.pin("backup"))
        self.told = []

    def context(self, source=None, **more):
        return cotter.create_context(source or self.pinned, self.trust, on_violation=self.told.append, **more)

    def refused(self, way, context, port):
        with self.assertRaises(Exception) as caught:
            way(context, port)
        error = pin_error(caught.exception)
        self.assertIsNotNone(error, repr(caught.exception))
        return error

    def got_nothing(self, server):
        record = self.lab.settled()[server]
        self.assertEqual(record["handshakes_completed"], 0, record)
        self.assertNotIn("top-secret", str(record))


class Handshakes(Case):
    def test_genuine_servers_are_reached_in_every_way(self):
        context = self.context()
        for way in WAYS:
            self.assertEqual(way(context, self.lab.port(GENUINE)), 200, way)
        self.assertEqual(self.told, [])

    # S1-26, S1-30: told on every failing connection, before the error, and nothing of the caller's leaves.
    def test_interceptors_are_refused_in_every_way_and_get_nothing(self):
        context = self.context()
        for count, way in enumerate(WAYS, 1):
            error = self.refused(way, context, self.lab.port(ROGUE))
            self.assertEqual(error.code, "pin_mismatch")
            self.assertTrue(str(error).startswith("bad ssl pin detected, found pins: [sha256/"), str(error))
            self.assertFalse(error.retryable)
            self.assertIsInstance(error, ssl.SSLError)
            self.assertEqual(len(self.told), count)
            # asyncio has TLS over buffers, which know no peer.
            self.assertEqual(self.told[-1].peer, "" if way is by_asyncio else f"127.0.0.1:{self.lab.port(ROGUE)}")
        self.got_nothing(ROGUE)

    def test_verify_mode_none_cannot_disarm_it(self):
        context = self.context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.assertEqual(self.refused(by_http_client, context, self.lab.port(ROGUE)).code, "pin_mismatch")
        self.got_nothing(ROGUE)

    def test_a_context_without_a_name_is_refused(self):
        context = self.context()
        context.check_hostname = False
        with socket.create_connection(("127.0.0.1", self.lab.port(GENUINE))) as sock:
            with self.assertRaises(ssl.SSLError):
                context.wrap_socket(sock)

    # S3-45: the client's certificate is offered only after the pin passed.
    def test_client_certificates_are_for_pinned_servers_alone(self):
        context = self.context()
        context.load_cert_chain(self.lab.file("client", "chain.pem"), self.lab.file("client", "key"))
        self.refused(by_http_client, context, self.lab.port(ROGUE_ASKING))
        self.got_nothing(ROGUE_ASKING)
        self.assertEqual(by_http_client(context, self.lab.port(ASKING)), 200)

    # S1-27: a handler that raises changes nothing.
    def test_a_handler_that_raises_changes_nothing(self):
        def broken(_verdict):
            raise RuntimeError("the pager is down")
        context = cotter.create_context(self.pinned, self.trust, on_violation=broken)
        with contextlib.redirect_stderr(io.StringIO()):
            self.assertEqual(self.refused(by_http_client, context, self.lab.port(ROGUE)).code, "pin_mismatch")

    def test_a_new_policy_holds_from_the_next_handshake_on_also_for_resumed_sessions(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            source = cotter.Source(self.pinned)
            context = self.context(source, resume=True)
            context.maximum_version = version
            sock = self.open(context)
            sock.write(b"GET / HTTP/1.0\r\n\r\n")
            sock.read(4096)
            session = sock.session  # a copy, as if read from a file, so never resumed itself; the enforcer's own is
            sock.close()
            again = self.open(context)
            self.assertTrue(again.session_reused)
            self.assertTrue(again.cotter_verdict.resumed)
            source.set(policy(self.lab.pin("backup"), self.lab.pin("root"), version=2))
            again.send(b"GET / HTTP/1.0\r\n\r\n")  # the root is pinned now: the live connection holds
            self.assertTrue(again.recv(100))
            self.open(context).close()
            source.set(policy(self.lab.pin("backup"), self.lab.pin("rogue-root"), version=3))
            with self.assertRaises(cotter.PinError) as caught:
                self.open(context, session)
            self.assertEqual(caught.exception.verdict.policy_version, 3)
            for use in (lambda: again.send(b"GET / HTTP/1.0\r\n\r\n"), lambda: again.recv(100)):
                with self.assertRaises(cotter.PinError):
                    use()
            again.close()

    def test_a_live_connection_over_buffers_ends_with_its_policy(self):
        source = cotter.Source(self.pinned)
        context = self.context(source)

        async def talk():
            reader, writer = await asyncio.open_connection("127.0.0.1", self.lab.port(GENUINE), ssl=context,
                                                           server_hostname=HOST)
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await reader.readline()
            source.set(policy(self.lab.pin("backup"), self.lab.pin("rogue-root"), version=2))
            writer.write(b"GET /second HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer top-secret\r\n\r\n")
            with contextlib.suppress(OSError):
                await writer.drain()
            writer.transport.abort()
        asyncio.run(talk())
        self.assertNotIn("top-secret", str(self.lab.settled()[GENUINE]))
        self.assertEqual([verdict.code for verdict in self.told], ["pin_mismatch"])

    # OpenSSL makes a handshake that the program left out in its first read or write.
    def test_a_handshake_that_was_left_out_is_made_by_the_first_use(self):
        source = cotter.Source(self.pinned)
        context = self.context(source)
        for use in (lambda tls: tls.sendall(b"top-secret"), lambda tls: tls.recv(1)):
            with socket.create_connection(("127.0.0.1", self.lab.port(ROGUE)), timeout=30) as sock:
                tls = context.wrap_socket(sock, server_hostname=HOST, do_handshake_on_connect=False)
                self.addCleanup(tls.close)
                with self.assertRaises(cotter.PinError):
                    use(tls)
        self.got_nothing(ROGUE)
        with socket.create_connection(("127.0.0.1", self.lab.port(GENUINE)), timeout=30) as sock:
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = context.wrap_bio(incoming, outgoing, server_hostname=HOST)
            written = 0
            while not written:
                try:
                    written = tls.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                except ssl.SSLWantReadError:
                    sock.sendall(outgoing.read())
                    incoming.write(sock.recv(1 << 16))
            sock.sendall(outgoing.read())
            source.set(policy(self.lab.pin("backup"), self.lab.pin("rogue-root"), version=2))
            with self.assertRaises(cotter.PinError):
                tls.write(b"top-secret")
            sock.sendall(outgoing.read())
        self.assertNotIn("top-secret", str(self.lab.settled()[GENUINE]))

    def open(self, context, session=None):
        sock = socket.create_connection(("127.0.0.1", self.lab.port(GENUINE)), timeout=30)
        return context.wrap_socket(sock, server_hostname=HOST, session=session)

    def test_a_followed_file_is_in_force_after_refresh(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "policy.toml"

            def write(version, *pins):
                listed = ", ".join(f'{{ pin = "{pin}" }}' for pin in pins)
                path.write_text(f'[policy]\nname = "test"\nversion = {version}\n[[host]]\npattern = "{HOST}"\n'
                                f"pins = [{listed}]\n")
            write(1, self.lab.pin("leaf"), self.lab.pin("backup"))
            source = cotter.Source.watch(path, interval=3600)
            self.addCleanup(source.close)
            context = self.context(source)
            self.assertEqual(by_http_client(context, self.lab.port(GENUINE)), 200)
            path.write_text("[policy")
            with self.assertRaises(cotter.CotterError):
                source.refresh()
            self.assertEqual(by_http_client(context, self.lab.port(GENUINE)), 200)
            write(2, self.lab.pin("backup"), self.lab.pin("rogue-root"))
            source.refresh()
            self.refused(by_http_client, context, self.lab.port(GENUINE))


class Layout(Case):
    def test_a_wrong_place_is_found_out(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        head = _layout.HEAD
        self.addCleanup(setattr, _layout, "_candidate", _layout._candidate)
        other = _layout._candidate(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        buffer = (b"\0" * 4096)
        for wrong in (other, id(context), id(buffer) + 32):
            _layout._candidate = lambda _context, wrong=wrong: wrong
            with self.assertRaises(cotter.LayoutError):
                _layout.ssl_ctx_of(context)
        self.assertEqual(head, _layout.HEAD)

    def test_pointers_that_lead_nowhere_are_not_followed(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.addCleanup(setattr, _layout, "HEAD", _layout.HEAD)
        for offset in (0, 8, 24, 32, 40):  # the reference count, the type, what follows the SSL_CTX
            _layout.HEAD = offset
            with self.assertRaises(cotter.LayoutError):
                _layout._prove(context, _layout._candidate(context), _layout._libssl())

    def test_options_are_as_they_were(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        before = context.options
        self.assertNotEqual(_layout.ssl_ctx_of(context), 0)
        self.assertEqual(context.options, before)

    def test_unknown_interpreters_are_refused(self):
        self.addCleanup(setattr, _layout, "KNOWN_VERSIONS", _layout.KNOWN_VERSIONS)
        _layout.KNOWN_VERSIONS = ((3, 98), (3, 99))
        with self.assertRaises(cotter.LayoutError):
            self.context()


class Assertion(Case):
    """Where the interpreter is not known."""

    def setUp(self):
        super().setUp()
        self.addCleanup(setattr, _layout, "KNOWN_VERSIONS", _layout.KNOWN_VERSIONS)
        _layout.KNOWN_VERSIONS = ((3, 98), (3, 99))
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            self.asserting = self.context(insecure_assert_after_handshake=True)
        told = [one for one in said if issubclass(one.category, cotter.AssertionOnlyWarning)]
        self.assertEqual(len(told), 1, said)

    def test_interceptors_are_refused_before_any_data(self):
        for way in WAYS:
            self.assertEqual(way(self.asserting, self.lab.port(GENUINE)), 200, way)
            self.assertEqual(self.refused(way, self.asserting, self.lab.port(ROGUE)).code, "pin_mismatch")
        self.assertEqual(len(self.told), len(WAYS))
        self.assertNotIn("top-secret", str(self.lab.settled()[ROGUE]))

    # OpenSSL makes a handshake that the program left out in its first read or write.
    def test_without_a_handshake_of_its_own_the_first_use_is_judged(self):
        uses = (lambda tls: tls.sendall(b"top-secret"), lambda tls: tls.write(b"top-secret"), lambda tls: tls.recv(1))
        for use in uses:
            with socket.create_connection(("127.0.0.1", self.lab.port(ROGUE)), timeout=30) as sock:
                tls = self.asserting.wrap_socket(sock, server_hostname=HOST, do_handshake_on_connect=False)
                self.assertEqual(self.refused(lambda *_, use=use, tls=tls: use(tls), None, None).code, "pin_mismatch")
        self.assertEqual(len(self.told), len(uses))
        self.assertNotIn("top-secret", str(self.lab.settled()[ROGUE]))
        with socket.create_connection(("127.0.0.1", self.lab.port(GENUINE)), timeout=30) as sock:
            tls = self.asserting.wrap_socket(sock, server_hostname=HOST, do_handshake_on_connect=False)
            tls.sendall(b"GET / HTTP/1.0\r\n\r\n")
            self.assertEqual(tls.cotter_verdict.outcome, "pinned_ok")
            tls.close()

    def test_over_buffers_too(self):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.asserting.wrap_bio(incoming, outgoing, server_hostname=HOST)
        with socket.create_connection(("127.0.0.1", self.lab.port(ROGUE)), timeout=30) as sock:
            error = None
            while error is None:
                try:
                    tls.write(b"top-secret")
                except ssl.SSLWantReadError:
                    sock.sendall(outgoing.read())
                    incoming.write(sock.recv(1 << 16))
                except cotter.PinError as refusal:
                    error = refusal
            with self.assertRaises(cotter.PinError):
                tls.write(b"top-secret")
            sock.sendall(outgoing.read())
        self.assertNotIn("top-secret", str(self.lab.settled()[ROGUE]))

    def test_a_live_connection_ends_with_its_policy(self):
        source = cotter.Source(self.pinned)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            context = self.context(source, insecure_assert_after_handshake=True)
        with socket.create_connection(("127.0.0.1", self.lab.port(GENUINE)), timeout=30) as sock:
            tls = context.wrap_socket(sock, server_hostname=HOST)
            source.set(policy(self.lab.pin("backup"), self.lab.pin("root"), version=2))
            tls.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")  # the root is pinned now
            source.set(policy(self.lab.pin("backup"), self.lab.pin("rogue-root"), version=3))
            with self.assertRaises(cotter.PinError) as caught:
                tls.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer top-secret\r\n\r\n")
            self.assertEqual(caught.exception.verdict.policy_version, 3)
            with self.assertRaises(OSError):
                tls.sendall(b"top-secret")
        self.assertNotIn("top-secret", str(self.lab.settled()[GENUINE]))

    def test_client_certificates_and_sessions_are_refused_and_it_says_so(self):
        with self.assertRaisesRegex(cotter.LayoutError, "client certificate"):
            self.asserting.load_cert_chain(self.lab.file("client", "chain.pem"), self.lab.file("client", "key"))
        with socket.create_connection(("127.0.0.1", self.lab.port(GENUINE))) as sock:
            with self.assertRaisesRegex(cotter.LayoutError, "session"):
                self.asserting.wrap_socket(sock, server_hostname=HOST, session=object())


class Chains(Case):
    def der(self, name):
        text = pathlib.Path(self.lab.file(name, "chain.pem")).read_text()
        return [ssl.PEM_cert_to_DER_cert(part.strip() + "\n-----END CERTIFICATE-----")
                for part in text.split("-----END CERTIFICATE-----")[:-1]]

    def test_a_presented_chain_is_verified_and_judged(self):
        good = cotter.judge_chain(self.pinned, self.trust, HOST, 443, self.der("leaf"))
        self.assertEqual((good.allowed, good.outcome, good.matched_pin), (True, "pinned_ok", self.lab.pin("leaf")))
        bad = cotter.judge_chain(self.pinned, self.trust, HOST, 443, self.der("rogue-leaf"))
        self.assertEqual((bad.allowed, bad.code, bad.found[0]), (False, "pin_mismatch", self.lab.pin("rogue-leaf")))
        late = cotter.judge_chain(self.pinned, self.trust, HOST, 443, self.der("leaf"), now=4102444800)
        self.assertEqual((late.allowed, late.code), (False, "cert_expired"))
        with self.assertRaises(cotter.CotterError) as caught:
            cotter.judge_chain(self.pinned, self.trust, "no host", 443, self.der("leaf"))
        self.assertEqual(caught.exception.code, "host_invalid")

    def test_an_asserted_path_is_only_evaluated(self):
        digest = base64.b64decode(self.lab.pin("leaf").removeprefix("sha256/"))
        self.assertTrue(cotter.insecure_evaluate_path(self.pinned, HOST, 443, digest))
        self.assertFalse(cotter.insecure_evaluate_path(self.pinned, HOST, 443, bytes(31) + b"\1"))
        with self.assertRaises(cotter.CotterError):
            cotter.insecure_evaluate_path(self.pinned, "a..b", 443, digest)

    def test_policies_say_what_is_wrong_with_them(self):
        with self.assertRaises(cotter.CotterError) as caught:
            cotter.Policy.parse("[policy]\nnmae = 1\n")
        self.assertEqual(caught.exception.code, "policy_unknown_key")
        with self.assertRaises(ValueError):
            cotter.Policy.load("a\0b")


if __name__ == "__main__":
    unittest.main(verbosity=1)
