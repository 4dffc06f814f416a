# SPDX-License-Identifier: Apache-2.0
"""The SSL_CTX inside an ssl.SSLContext.

Python keeps it to itself, so it is read from where CPython's Modules/_ssl.c puts it: the first member behind the object's
head. That is done only on interpreters where this is known, and the pointer is believed only after it was proved: options
that are set through Python must be seen through libssl, in several patterns, and one that is set through libssl must be
seen through Python. Whatever does not fit raises LayoutError, and nothing was written through the pointer."""
import _ssl
import ctypes
import secrets
import ssl
import struct
import sys

from ._abi import library


class LayoutError(Exception):
    """The SSL_CTX of a context cannot be found on this interpreter."""


KNOWN_VERSIONS = ((3, 10), (3, 13))  # the first member of PySSLContext has been the SSL_CTX in all of them
HEAD = object.__basicsize__
SSL_CTX_BYTES = 512  # OpenSSL 3's is larger; as much must be readable behind the pointer

# SSL_OP_NO_ANTI_REPLAY, SSL_OP_PRIORITIZE_CHACHA, SSL_OP_CIPHER_SERVER_PREFERENCE (OpenSSL 3): about servers alone, so
# that flipping them on a client's context changes nothing.
PATTERN_BITS = (1 << 24, 1 << 21, 1 << 22)


def _mapped():
    """(begin, end, permissions, path) of each mapping of this process."""
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        for line in maps:
            fields = line.split(maxsplit=5)
            begin, end = (int(word, 16) for word in fields[0].split("-"))
            yield begin, end, fields[1], fields[5].strip() if len(fields) > 5 else ""


def _libssl():
    """The one libssl of this process, which _ssl and libcotter share."""
    paths = {path for _, _, _, path in _mapped() if path.rsplit("/", 1)[-1].startswith("libssl.so")}
    if len(paths) != 1:
        raise LayoutError(f"expected one libssl in the process, found {sorted(paths) or 'none'}: "
                          "this interpreter has another one built in")
    ours = library.openssl_version().decode()
    if ssl.OPENSSL_VERSION != ours:
        raise LayoutError(f"the interpreter runs on {ssl.OPENSSL_VERSION}, cotter on {ours}")
    libssl = ctypes.CDLL(paths.pop())
    for name in ("SSL_CTX_get_options", "SSL_CTX_set_options", "SSL_CTX_clear_options"):
        function = getattr(libssl, name)
        function.restype = ctypes.c_uint64
        function.argtypes = [ctypes.c_void_p] + [ctypes.c_uint64] * (name != "SSL_CTX_get_options")
    return libssl


def _check_interpreter():
    if sys.implementation.name != "cpython" or not sys.platform.startswith("linux"):
        raise LayoutError("only CPython on Linux is known")
    if not KNOWN_VERSIONS[0] <= sys.version_info[:2] <= KNOWN_VERSIONS[1]:
        raise LayoutError(f"CPython {sys.version_info[0]}.{sys.version_info[1]} is not known")
    if hasattr(sys, "gettotalrefcount") or hasattr(sys, "getobjects"):
        raise LayoutError("a debug build has another head on its objects")
    if HEAD != 2 * struct.calcsize("P") or _ssl._SSLContext.__basicsize__ < HEAD + struct.calcsize("P"):
        raise LayoutError("the objects of this interpreter have an unknown shape")


def _candidate(context):
    pointer = ctypes.c_void_p.from_address(id(context) + HEAD).value or 0
    if pointer % struct.calcsize("P") != 0:
        raise LayoutError("what should be a pointer is none")
    for begin, end, permissions, path in _mapped():
        if begin <= pointer and pointer + SSL_CTX_BYTES <= end:
            if permissions.startswith("rw") and not path.startswith("/"):
                return pointer
            break
    raise LayoutError("what should be a pointer does not lead into the heap")


def _prove(context, pointer, libssl):
    """Python and libssl must see one object."""
    before = context.options
    try:
        for _ in range(4):
            for bit in PATTERN_BITS:
                wanted = secrets.choice((True, False))
                context.options = context.options | bit if wanted else context.options & ~bit
                seen = libssl.SSL_CTX_get_options(pointer)
                if seen != int(context.options) & 0xFFFFFFFFFFFFFFFF:
                    raise LayoutError("libssl does not see the options that Python set: this is not its SSL_CTX")
    finally:
        context.options = before
    bit = PATTERN_BITS[0]
    change = libssl.SSL_CTX_clear_options if before & bit else libssl.SSL_CTX_set_options
    change(pointer, bit)
    seen = bool(context.options & bit)
    context.options = before
    if seen == bool(before & bit):
        raise LayoutError("Python does not see the option that libssl set")


def ssl_ctx_of(context):
    """The address of the SSL_CTX inside `context`, proved. The context must not be in use by another thread."""
    if not isinstance(context, ssl.SSLContext):
        raise TypeError("expected an ssl.SSLContext")
    _check_interpreter()
    libssl = _libssl()
    pointer = _candidate(context)
    _prove(context, pointer, libssl)
    return pointer
