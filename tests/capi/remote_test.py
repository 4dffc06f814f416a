# SPDX-License-Identifier: Apache-2.0
"""A source that follows a signed repository, through the C ABI, as another language's FFI declares it: the shipped policy first,
then what nginx serves, and a refusal that is told and changes nothing."""

import ctypes
import json
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/support"))
from pin_server import PinServer  # noqa: E402
from tuf_repository import Key, Repository  # noqa: E402

TEXT, POINTER = ctypes.c_char_p, ctypes.c_void_p
EVENT = ctypes.CFUNCTYPE(None, POINTER, TEXT, ctypes.c_uint64, TEXT, TEXT, TEXT)
PIN = "sha256/9KwgIz6sTEuNBgkmxBMLHi4gmmvRRPrsEYgLdqXd5Ac="


class Options(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("remotes", ctypes.POINTER(TEXT)), ("remote_count", ctypes.c_size_t), ("state", TEXT),
                ("environment", TEXT), ("root", TEXT), ("root_file", TEXT), ("base", TEXT), ("base_file", TEXT),
                ("floor_file", TEXT), ("channel_roots_file", TEXT), ("insecure_http", ctypes.c_int32),
                ("patience_ms", ctypes.c_int32), ("on_event", EVENT), ("user", POINTER), ("release", POINTER)]


def policy(version):
    return json.dumps({"policy": {"name": "acme", "environment": "production", "version": version},
                       "host": [{"pattern": "api.example.com", "pins": [{"pin": PIN}]}]}).encode()


class RemoteSource(unittest.TestCase):
    def setUp(self):
        self.library = ctypes.CDLL(os.path.join(os.environ["COTTER_BUILD_DIR"], "src/capi/libcotter.so"))
        self.library.cotter_error_code.restype = TEXT
        self.library.cotter_policy_version.restype = ctypes.c_uint64
        self.library.cotter_source_changes.restype = ctypes.c_uint64
        self.repository = Repository()
        self.folder = self.enterContext(tempfile.TemporaryDirectory(prefix="cotter-capi-"))
        self.events = []
        self.on_event = EVENT(lambda _, *said: self.events.append(said[:4]))

    def options(self, *remotes, **fields):
        urls = (TEXT * len(remotes))(*[remote.encode() for remote in remotes])
        return Options(size=ctypes.sizeof(Options), remotes=urls, remote_count=len(remotes),
                       state=f"{self.folder}/state".encode(), root=self.repository.files["metadata/1.root.json"],
                       on_event=self.on_event, **fields)

    def call(self, name, *arguments):
        """The handle that the function makes, if it makes one, or the code of its error."""
        error = POINTER()
        status = getattr(self.library, name)(*arguments, ctypes.byref(error))
        if status == 0:
            return None
        code = self.library.cotter_error_code(error).decode()
        self.library.cotter_error_free(error)
        return code

    def open(self, options):
        source = POINTER()
        code = self.call("cotter_source_remote", ctypes.byref(options), ctypes.byref(source))
        if code is None:
            self.addCleanup(self.library.cotter_source_free, source)
        return code or source

    def version(self, source):
        held = POINTER()
        self.assertIsNone(self.call("cotter_source_current", source, ctypes.byref(held)))
        version = self.library.cotter_policy_version(held)
        self.library.cotter_policy_free(held)
        return version

    def put(self, version):
        self.repository.add_target("targets", "production/policy.json", policy(version))
        self.repository.update("targets")

    def test_S0_12_S3_07_S3_13_the_shipped_policy_then_the_signed_one_and_no_forged_one(self):
        self.put(2)
        with PinServer(self.repository) as server:
            source = self.open(self.options("https://127.0.0.1:1", server.url, base=policy(1),
                                            channel_roots_file=server.ca.encode()))
            self.assertEqual(self.version(source), 2)
            self.put(3)
            server.upload()
            self.assertIsNone(self.call("cotter_source_refresh", source))
            self.assertEqual((self.version(source), self.library.cotter_source_changes(source)), (3, 1))
            self.repository.signers["targets"] = [Key()]
            self.put(4)
            server.upload()
            self.assertEqual(self.call("cotter_source_refresh", source), "signature_threshold")
            self.assertEqual(self.version(source), 3)
            self.assertEqual(self.events[-2:], [(b"updated", 3, b"", b""),
                                                (b"update_rejected", 3, b"targets", b"signature_threshold")])
            self.assertEqual(self.call("cotter_source_set", source, source), "usage")

    def test_what_it_cannot_begin_with_is_an_error(self):
        self.assertEqual(self.open(self.options("https://127.0.0.1:1")), "fetch_failed")
        self.assertEqual(self.open(self.options("https://127.0.0.1:1", base=b"[policy", patience_ms=-1)), "policy_syntax")
        self.assertEqual(self.open(self.options()), "usage")
        self.assertEqual(self.call("cotter_source_remote", None, ctypes.byref(POINTER())), "usage")
        source = self.open(self.options("https://127.0.0.1:1", base=policy(7), patience_ms=-1))
        self.assertEqual(self.version(source), 7)


unittest.main()
