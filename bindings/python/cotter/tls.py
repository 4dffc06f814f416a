# SPDX-License-Identifier: Apache-2.0
"""Policies enforced on Python's own TLS connections, inside their handshakes.

    policy = cotter.Policy.load("policy.toml")
    context = cotter.create_context(policy)
    urllib.request.urlopen("https://api.example.com/", context=context)

A refusal is a PinError, raised by whatever makes the handshake. It is raised before the request, the client's certificate
and the end of the client's handshake leave.

Where the interpreter does not let libcotter into its handshakes (see _layout.py), create_context refuses, unless it is
asked for `insecure_assert_after_handshake=True`: then the presented chain is judged after the handshake and before any
data. That comes too late to keep a client certificate back, so such contexts load none; and they resume no session."""
import base64
import ctypes
import dataclasses
import ssl
import threading
import warnings

from . import _abi
from ._abi import CotterError, Handle, call, encoded, library
from ._layout import LayoutError, ssl_ctx_of
from .policy import Policy, Source, Trust, Verdict, insecure_explain_path, judge_chain


class PinError(CotterError, ssl.SSLCertVerificationError):
    """A connection was refused. Trying again brings the same answer: `retryable` is False."""

    retryable = False

    def __init__(self, verdict):
        ssl.SSLCertVerificationError.__init__(self, 1, verdict.message or verdict.outcome)
        self.code = verdict.code
        self.verdict = verdict

    def __str__(self):
        return self.verdict.message or self.verdict.outcome


class AssertionOnlyWarning(UserWarning):
    """Pins are asserted after the handshake, not enforced inside it."""


# The last verdict of this thread's handshakes. One callback serves all contexts and lives for ever: OpenSSL may call it for
# as long as there is a context.
_last = threading.local()


@_abi.VerdictCallback
def _remember(_user, verdict):
    _last.verdict = Verdict._of(verdict)


class _CheckedUse:
    """Mixed into sockets and memory objects: `_check_use` of the class in front says, before any data moves, whether the
    connection may still be used."""

    def read(self, *arguments):
        self._check_use()
        return super().read(*arguments)

    def write(self, data):
        self._check_use()
        return super().write(data)


class _CheckedSend(_CheckedUse):
    """The same for sockets, whose send does not go through write."""

    def send(self, data, flags=0):
        self._check_use()
        return super().send(data, flags)


class _Pinned:
    """Mixed into the classes of a context's sockets: a refusal is a PinError, whoever makes the handshake, and a
    connection that a new policy refuses is not used any more."""

    cotter_verdict = None
    _changes = None  # of the source, when the verdict fell

    def do_handshake(self, *arguments):
        _last.verdict = None
        if self._changes is None:
            self._changes = self._enforcer.source.changes
        try:
            super().do_handshake(*arguments)
        except ssl.SSLError as error:
            self._note()
            if self.cotter_verdict is not None and not self.cotter_verdict.allowed:
                raise PinError(self.cotter_verdict) from error
            raise
        self._note()

    def _note(self):
        # A handshake over buffers takes several calls; the verdict falls in one of them.
        verdict, _last.verdict = _last.verdict, None
        if verdict is not None:
            self.cotter_verdict = verdict

    @property
    def _enforcer(self):
        return self.context.cotter_enforcers[-1]

    def _check_use(self):
        """Judges again, where the policy changed, what the handshake showed. libcotter has told of it at the
        change, and shut sockets down; it cannot do that to buffers, and neither would say why."""
        if self._sslobj is None or self.server_side:
            return
        if self.cotter_verdict is None:
            self.do_handshake()  # OpenSSL would make it in the first read or write, and nobody would note the verdict
        if self.cotter_verdict is not None and self._enforcer.source.changes != self._changes:
            self._judge_again()

    def _judge_again(self):
        enforcer, verdict = self._enforcer, self.cotter_verdict
        self._changes = enforcer.source.changes
        policy = enforcer.source.current()
        path = b"".join(base64.b64decode(pin.removeprefix("sha256/")) for pin in verdict.found)
        now = None if enforcer._now is None else enforcer._now()
        if verdict.allowed:
            outcome, refusal = insecure_explain_path(policy, verdict.host, verdict.port, path, now)
            if refusal is None:
                return
            self.cotter_verdict = dataclasses.replace(
                verdict, allowed=False, outcome=outcome, code=refusal.code, message=str(refusal), reasons=(refusal.code,),
                policy_name=policy.name, policy_version=policy.version, matched_pin=None)
        self._changes = -1  # no use of it brings another answer
        raise PinError(self.cotter_verdict)


class PinnedSocket(_Pinned, _CheckedSend, ssl.SSLSocket):
    """A socket of an attached context. `cotter_verdict` is the verdict of its handshake."""


class PinnedObject(_Pinned, _CheckedUse, ssl.SSLObject):
    """The same for memory buffers: asyncio, TLS in TLS."""


class Enforcer(Handle):
    """Holds connections of contexts against the policy of a source.

    `on_violation(verdict)` is told of every connection that pins refuse or only report, before the error is raised; it
    can change nothing. `violation_file` is appended to. `now()` is the clock, in seconds; None: the system's. With `resume`,
    sessions of this process (`session=` of wrap_socket) may be resumed where what decided about them has not changed."""

    def __init__(self, policy, trust=None, on_violation=None, violation_file=None, now=None, resume=False):
        self.source = policy if isinstance(policy, Source) else Source(policy)
        self.trust = trust if trust is not None else Trust()
        self._now = now
        self._on_violation = on_violation

        def tell(_user, verdict):
            on_violation(Verdict._of(verdict))

        self._tell = _abi.VerdictCallback(tell) if on_violation else _abi.VerdictCallback()
        self._clock = _abi.NowCallback(lambda _user: int(now())) if now else _abi.NowCallback()
        options = _abi.EnforcerOptions(source=self.source.handle, trust=self.trust.handle, on_violation=self._tell,
                                       now=self._clock, violation_file=encoded(violation_file),
                                       resume=1 if resume else 0)
        super().__init__(library.enforcer_new, library.enforcer_free, ctypes.byref(options))

    def _tell_of(self, verdict):
        """Tells the handler of a violation that libcotter did not see; it can change nothing."""
        if self._on_violation:
            try:
                self._on_violation(verdict)
            except Exception as error:
                warnings.warn(f"the handler of violations raised {error!r}", stacklevel=2)

    def attach(self, context, host=None, port=443):
        """Attaches every client connection that is made of `context`, an ssl.SSLContext, from now on. The policy is
        looked up by `host`, else by the name that each connection is made for, and by `port`. Trust is the enforcer's:
        what the context itself trusts takes no part. Raises LayoutError where the interpreter is not known."""
        if port not in range(1, 65536):
            raise ValueError("a port is 1 to 65535")
        pointer = ssl_ctx_of(context)
        options = _abi.ContextOptions(host=encoded(host), port=port, on_verdict=_remember)
        call(library.enforcer_attach_context, self.handle, pointer, ctypes.byref(options))
        context.sslsocket_class = PinnedSocket
        context.sslobject_class = PinnedObject
        # The context keeps the callbacks, which OpenSSL calls, alive.
        context.cotter_enforcers = [*getattr(context, "cotter_enforcers", ()), self]


class _Asserting:
    """Mixed into the classes of an AssertingContext's sockets: judges what was presented, after the handshake and again
    when the policy has changed. What moves data asks first, because OpenSSL makes a handshake that was left out in the
    first read or write."""

    cotter_verdict = None
    _changes = None  # of the source, when the verdict fell

    def do_handshake(self, *arguments):
        super().do_handshake(*arguments)
        self._judge()

    def _judge(self):
        self.cotter_verdict = None
        self._changes = self.context.cotter_enforcer.source.changes
        try:
            self.cotter_verdict = self.context._assert(self._sslobj, self.server_hostname)
        except BaseException:
            if isinstance(self, ssl.SSLSocket):
                self._sslobj = None
                self.close()
            raise

    def _check_use(self):
        if self._sslobj is None:
            return
        if self.cotter_verdict is None:
            self.do_handshake()
        elif self.context.cotter_enforcer.source.changes != self._changes:
            self._judge()


class AssertingSocket(_Asserting, _CheckedSend, ssl.SSLSocket):
    pass


class AssertingObject(_Asserting, _CheckedUse, ssl.SSLObject):
    pass


class AssertingContext(ssl.SSLContext):
    """A context whose connections are judged after their handshake, because the interpreter is not known."""

    sslsocket_class = AssertingSocket
    sslobject_class = AssertingObject

    def load_cert_chain(self, *arguments, **more):
        raise LayoutError("this interpreter has pins asserted after the handshake alone, when a client certificate has "
                          "been given away already: it is refused")

    def wrap_socket(self, sock, *arguments, session=None, **more):
        if session is not None:
            raise LayoutError("a session cannot be offered where pins are asserted after the handshake")
        return super().wrap_socket(sock, *arguments, **more)

    def wrap_bio(self, *arguments, session=None, **more):
        if session is not None:
            raise LayoutError("a session cannot be offered where pins are asserted after the handshake")
        return super().wrap_bio(*arguments, **more)

    def _assert(self, sslobj, name):
        enforcer = self.cotter_enforcer
        if sslobj.session_reused or name is None:
            raise LayoutError("a connection without a name, or with a resumed session, cannot be judged")
        chain = [certificate.public_bytes(1 << 1) for certificate in sslobj.get_unverified_chain()]
        now = None if enforcer._now is None else enforcer._now()
        verdict = judge_chain(enforcer.source.current(), enforcer.trust, name, self.cotter_port, chain, now)
        if verdict.outcome == "reported" or not verdict.allowed:
            enforcer._tell_of(verdict)
        if not verdict.allowed:
            raise PinError(verdict)
        return verdict


def create_context(policy, trust=None, host=None, port=443, insecure_assert_after_handshake=False, **more):
    """An ssl.SSLContext for clients with secure defaults, attached to `policy`, a Policy or a Source. `more` is what
    Enforcer takes."""
    if isinstance(policy, Enforcer):
        enforcer = policy
    elif isinstance(policy, (Policy, Source)):
        enforcer = Enforcer(policy, trust, **more)
    else:
        raise TypeError("expected a Policy, a Source or an Enforcer")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        enforcer.attach(context, host, port)
        return context
    except LayoutError as error:
        if not insecure_assert_after_handshake:
            raise
        warnings.warn(f"pins are only asserted after the handshake: {error}", AssertionOnlyWarning, stacklevel=2)
    context = AssertingContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    enforcer.trust._load_into(context)
    context.cotter_enforcer, context.cotter_port = enforcer, port
    return context
