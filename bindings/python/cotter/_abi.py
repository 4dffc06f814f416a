# SPDX-License-Identifier: Apache-2.0
"""libcotter.so by ctypes: the functions of <cotter/cotter.h> that this package uses, with their types.

The library is the one that the environment variable COTTER_LIBRARY names, else libcotter.so.1."""
import ctypes
import os
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_char_p, c_int32, c_int64, c_size_t, c_uint8, c_uint16, \
    c_uint32, c_uint64, c_void_p, sizeof

ABI_VERSION = 1
TIME_NOW = -(2 ** 63)
OK, REFUSED, FAILED, INTERNAL = range(4)

FailureCallback = CFUNCTYPE(None, c_void_p, c_char_p, c_char_p)
VerdictCallback = CFUNCTYPE(None, c_void_p, c_void_p)
NowCallback = CFUNCTYPE(c_int64, c_void_p)
ReleaseCallback = CFUNCTYPE(None, c_void_p)


class Blob(Structure):
    _fields_ = [("bytes", c_char_p), ("size", c_size_t)]


class Options(Structure):
    """A struct that begins with its size."""

    def __init__(self, **fields):
        super().__init__(**fields)
        self.size = sizeof(type(self))


class WatchOptions(Options):
    _fields_ = [("size", c_size_t), ("path", c_char_p), ("environment", c_char_p), ("interval_ms", c_uint32),
                ("on_failure", FailureCallback), ("user", c_void_p), ("release", ReleaseCallback)]


class TrustOptions(Options):
    _fields_ = [("size", c_size_t), ("no_system_roots", c_int32), ("files", POINTER(c_char_p)), ("file_count", c_size_t),
                ("directories", POINTER(c_char_p)), ("directory_count", c_size_t), ("certificates", POINTER(Blob)),
                ("certificate_count", c_size_t)]


class EnforcerOptions(Options):
    _fields_ = [("size", c_size_t), ("source", c_void_p), ("trust", c_void_p), ("on_violation", VerdictCallback),
                ("now", NowCallback), ("user", c_void_p), ("release", ReleaseCallback), ("violation_file", c_char_p),
                ("resume", c_int32)]


class ContextOptions(Options):
    _fields_ = [("size", c_size_t), ("host", c_char_p), ("port", c_uint16), ("on_verdict", VerdictCallback),
                ("user", c_void_p), ("release", ReleaseCallback)]


HANDLE_OUT = POINTER(c_void_p)
SIGNATURES = {
    "abi_version": (c_uint32,),
    "version": (c_char_p,),
    "openssl_version": (c_char_p,),
    "error_code": (c_char_p, c_void_p),
    "error_message": (c_char_p, c_void_p),
    "error_free": (None, c_void_p),
    "policy_load_file": (c_int32, c_char_p, c_char_p, HANDLE_OUT, HANDLE_OUT),
    "policy_load_bytes": (c_int32, c_char_p, c_size_t, c_char_p, c_char_p, HANDLE_OUT, HANDLE_OUT),
    "policy_name": (c_char_p, c_void_p),
    "policy_version": (c_uint64, c_void_p),
    "policy_rule_count": (c_size_t, c_void_p),
    "policy_free": (None, c_void_p),
    "source_new": (c_int32, c_void_p, HANDLE_OUT, HANDLE_OUT),
    "source_watch": (c_int32, POINTER(WatchOptions), HANDLE_OUT, HANDLE_OUT),
    "source_set": (c_int32, c_void_p, c_void_p, HANDLE_OUT),
    "source_refresh": (c_int32, c_void_p, HANDLE_OUT),
    "source_current": (c_int32, c_void_p, HANDLE_OUT, HANDLE_OUT),
    "source_changes": (c_uint64, c_void_p),
    "source_free": (None, c_void_p),
    "trust_load": (c_int32, POINTER(TrustOptions), HANDLE_OUT, HANDLE_OUT),
    "trust_free": (None, c_void_p),
    "chain_judge": (c_int32, c_void_p, c_void_p, c_char_p, c_uint16, POINTER(Blob), c_size_t, c_int64, HANDLE_OUT,
                    HANDLE_OUT),
    "insecure_evaluate_path": (c_int32, c_void_p, c_char_p, c_uint16, c_char_p, c_size_t, c_int64, POINTER(c_int32),
                               HANDLE_OUT),
    "verdict_outcome_name": (c_char_p, c_void_p),
    "verdict_allowed": (c_int32, c_void_p),
    "verdict_code": (c_char_p, c_void_p),
    "verdict_message": (c_char_p, c_void_p),
    "verdict_host": (c_char_p, c_void_p),
    "verdict_port": (c_uint16, c_void_p),
    "verdict_reason_count": (c_size_t, c_void_p),
    "verdict_reason": (c_char_p, c_void_p, c_size_t),
    "verdict_found_count": (c_size_t, c_void_p),
    "verdict_found": (c_char_p, c_void_p, c_size_t),
    "verdict_matched_pin": (c_char_p, c_void_p),
    "verdict_backup_matched": (c_int32, c_void_p),
    "verdict_rule": (c_char_p, c_void_p),
    "verdict_policy_name": (c_char_p, c_void_p),
    "verdict_policy_version": (c_uint64, c_void_p),
    "verdict_tls_version": (c_char_p, c_void_p),
    "verdict_resumed": (c_int32, c_void_p),
    "verdict_peer": (c_char_p, c_void_p),
    "verdict_free": (None, c_void_p),
    "enforcer_new": (c_int32, POINTER(EnforcerOptions), HANDLE_OUT, HANDLE_OUT),
    "enforcer_attach_context": (c_int32, c_void_p, c_void_p, POINTER(ContextOptions), HANDLE_OUT),
    "enforcer_free": (None, c_void_p),
}


class Library:
    """The functions, without their prefix: library.policy_name(handle)."""

    def __init__(self):
        self.dll = ctypes.CDLL(os.environ.get("COTTER_LIBRARY") or "libcotter.so.1")
        for name, (result, *arguments) in SIGNATURES.items():
            function = getattr(self.dll, f"cotter_{name}")
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)
        if self.abi_version() < ABI_VERSION:
            raise ImportError(f"libcotter.so has the ABI {self.abi_version()}, and {ABI_VERSION} is needed")


library = Library()


class CotterError(Exception):
    """Something that went wrong, by its stable code ("pin_mismatch", "file_unreadable")."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def encoded(text):
    """Text, a path or None for C. A NUL would cut it short there, so it is refused."""
    if text is None:
        return None
    raw = os.fsencode(text) if isinstance(text, os.PathLike) else text.encode() if isinstance(text, str) else bytes(text)
    if b"\0" in raw:
        raise ValueError("text for cotter must not contain a NUL")
    return raw


def take_error(error, kind=CotterError):
    """The exception for an error handle, which is freed."""
    code = (library.error_code(error) or b"internal").decode()
    message = (library.error_message(error) or b"").decode(errors="replace")
    library.error_free(error)
    return kind(code, message)


def call(function, *arguments):
    """Calls a function whose last parameter is the error, and raises CotterError where it fails."""
    error = c_void_p()
    if function(*arguments, byref(error)) != OK:
        raise take_error(error)


class Handle:
    """Owns one handle of the library, and frees it once."""

    def __init__(self, function, free, *arguments):
        self._free = free
        out = c_void_p()
        self._handle = None
        call(function, *arguments, byref(out))
        self._handle = out.value

    @property
    def handle(self):
        if self._handle is None:
            raise ValueError("it was closed")
        return self._handle

    def close(self):
        """Frees the handle; whoever was made from it keeps what it needs."""
        handle, self._handle = getattr(self, "_handle", None), None
        if handle is not None:
            self._free(handle)

    def __del__(self):
        self.close()


def texts(values):
    """An array of C strings, and its length; the array keeps them alive."""
    values = [encoded(value) for value in values]
    return (c_char_p * len(values))(*values), len(values)


def blobs(values):
    """An array of Blob over bytes objects, which it keeps alive."""
    values = [bytes(value) for value in values]
    return (Blob * len(values))(*(Blob(value, len(value)) for value in values)), len(values)


