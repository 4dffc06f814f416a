# SPDX-License-Identifier: Apache-2.0
"""Policies, where they come from, trust anchors, and verdicts over chains that a caller brings."""
import atexit
import ctypes
import dataclasses
import weakref

from . import _abi
from ._abi import Handle, call, encoded, library


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The answer for one connection."""

    allowed: bool
    outcome: str  # "pinned_ok", "pin_mismatch" ...
    code: str | None
    message: str
    host: str
    port: int
    reasons: tuple
    found: tuple  # the pins of the default path, leaf first
    matched_pin: str | None
    backup_matched: bool
    rule: str | None
    policy_name: str
    policy_version: int
    tls_version: str
    resumed: bool
    peer: str

    @classmethod
    def _of(cls, handle):
        def text(name):
            raw = getattr(library, f"verdict_{name}")(handle)
            return None if raw is None else raw.decode(errors="replace")

        def listed(name):
            count = getattr(library, f"verdict_{name}_count")(handle)
            return tuple(getattr(library, f"verdict_{name}")(handle, index).decode() for index in range(count))

        return cls(allowed=library.verdict_allowed(handle) == 1, outcome=text("outcome_name"), code=text("code"),
                   message=text("message"), host=text("host"), port=library.verdict_port(handle),
                   reasons=listed("reason"), found=listed("found"), matched_pin=text("matched_pin"),
                   backup_matched=library.verdict_backup_matched(handle) == 1, rule=text("rule"),
                   policy_name=text("policy_name"), policy_version=library.verdict_policy_version(handle),
                   tls_version=text("tls_version"), resumed=library.verdict_resumed(handle) == 1, peer=text("peer"))


class Policy(Handle):
    """A compiled policy. It never changes."""

    def __init__(self, function, *arguments):
        super().__init__(function, library.policy_free, *arguments)

    @classmethod
    def load(cls, path, environment=None):
        """Reads a policy file: TOML, JSON or compiled. `environment` is the one that it must be for."""
        return cls(library.policy_load_file, encoded(path), encoded(environment))

    @classmethod
    def parse(cls, text, environment=None):
        """Reads a policy from text or bytes."""
        raw = text.encode() if isinstance(text, str) else bytes(text)
        return cls(library.policy_load_bytes, raw, len(raw), None, encoded(environment))

    @property
    def name(self):
        return library.policy_name(self.handle).decode()

    @property
    def version(self):
        return library.policy_version(self.handle)

    @property
    def rule_count(self):
        return library.policy_rule_count(self.handle)


_watched = weakref.WeakSet()


@atexit.register
def _close_watched():
    # Their threads call into the interpreter, which is about to go.
    for source in list(_watched):
        source.close()


class Source(Handle):
    """Which policy is in force: one that the program sets, or a file that is followed."""

    def __init__(self, policy):
        super().__init__(library.source_new, library.source_free, policy.handle)

    @classmethod
    def watch(cls, path, environment=None, interval=1.0, on_failure=None):
        """Follows a policy file. `on_failure(code, message)` is told why it could not be used, on another thread; the
        last good policy stays in force."""
        def failed(_user, code, message):
            on_failure(code.decode(), message.decode(errors="replace"))

        source = cls.__new__(cls)
        source._callback = _abi.FailureCallback(failed) if on_failure else _abi.FailureCallback()
        options = _abi.WatchOptions(path=encoded(path), environment=encoded(environment),
                                    interval_ms=max(1, round(interval * 1000)), on_failure=source._callback)
        Handle.__init__(source, library.source_watch, library.source_free, ctypes.byref(options))
        _watched.add(source)
        return source

    def set(self, policy):
        """Puts `policy` into force. Every connection is judged by it from its next handshake on."""
        call(library.source_set, self.handle, policy.handle)

    def refresh(self):
        """Has a followed file read now."""
        call(library.source_refresh, self.handle)

    @property
    def changes(self):
        """How often another policy was put into force."""
        return library.source_changes(self.handle)

    def current(self):
        """The policy that is in force."""
        return Policy(library.source_current, self.handle)


class Trust(Handle):
    """Trust anchors: those of the system, and others."""

    def __init__(self, files=(), directories=(), certificates=(), system_roots=True):
        self._parts = (tuple(files), tuple(directories), tuple(certificates), system_roots)
        files, file_count = _abi.texts(files)
        directories, directory_count = _abi.texts(directories)
        certificates, certificate_count = _abi.blobs(certificates)
        options = _abi.TrustOptions(no_system_roots=0 if system_roots else 1, files=files, file_count=file_count,
                                    directories=directories, directory_count=directory_count,
                                    certificates=certificates, certificate_count=certificate_count)
        super().__init__(library.trust_load, library.trust_free, ctypes.byref(options))

    def _load_into(self, context):
        """Has a context trust the same."""
        files, directories, certificates, system_roots = self._parts
        if system_roots:
            context.load_default_certs()
        for file in files:
            context.load_verify_locations(cafile=file)
        for directory in directories:
            context.load_verify_locations(capath=directory)
        for certificate in certificates:
            context.load_verify_locations(cadata=bytes(certificate))


def judge_chain(policy, trust, host, port, chain, now=None):
    """The verdict over a presented chain (DER, leaf first), verified against `trust` at `now` (seconds, default: now)."""
    chain, count = _abi.blobs(chain)
    verdict, error = ctypes.c_void_p(), ctypes.c_void_p()
    status = library.chain_judge(policy.handle, trust.handle, encoded(host), port, chain, count,
                                 _abi.TIME_NOW if now is None else int(now), ctypes.byref(verdict), ctypes.byref(error))
    try:
        if not verdict.value:
            raise _abi.take_error(error)
        if status != _abi.OK:
            library.error_free(error)
        return Verdict._of(verdict)
    finally:
        library.verdict_free(verdict)


OUTCOMES = ("pinned_ok", "pin_mismatch", "reported", "not_pinned", "revoked", "unlisted_refused", "port_refused",
            "search_bound", "pki_error")


def insecure_evaluate_path(policy, host, port, spki_sha256, now=None):
    """Whether a path that the caller merely asserts satisfies the policy; nothing is verified. `spki_sha256` is the
    digests, 32 bytes each, leaf first, as one bytes object."""
    return insecure_explain_path(policy, host, port, spki_sha256, now)[1] is None


def insecure_explain_path(policy, host, port, spki_sha256, now=None):
    """The same as (outcome, refusal): a CotterError that says why the path is refused, or None."""
    count, rest = divmod(len(spki_sha256), 32)
    if rest:
        raise ValueError("a digest is 32 bytes")
    outcome, error = ctypes.c_int32(), ctypes.c_void_p()
    status = library.insecure_evaluate_path(policy.handle, encoded(host), port, spki_sha256, count,
                                            _abi.TIME_NOW if now is None else int(now), ctypes.byref(outcome),
                                            ctypes.byref(error))
    if status == _abi.OK:
        return OUTCOMES[outcome.value], None
    refusal = _abi.take_error(error)
    if status != _abi.REFUSED:
        raise refusal
    return OUTCOMES[outcome.value], refusal
