// SPDX-License-Identifier: Apache-2.0
//
// Python 3.10 and later with urllib3 (and so requests). The pins are held against the path that
// OpenSSL built (get_verified_chain), after the handshake and before the first byte of a request.
#include <utility>

#include "formats/plan.h"
#include "formats/rule_table.h"

namespace cotter::formats {
namespace {

constexpr std::string_view kCode = R"py(
_BY_PATTERN = {}
for _rule in RULES["rules"]:
    _BY_PATTERN.setdefault(_rule["pattern"], []).append(_rule)
_REVOKED = frozenset(RULES["revoked"])


class PinError(ssl.SSLError):
    """A connection that the policy refuses."""


def on_report(host, error):
    """Told of a mismatch on a rule in report mode, which is let through. Replace it at will."""
    logging.getLogger("cotter").warning("reported %s: %s", host, error)


def _is_ip(host):
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def canonical(host):
    """The reference host in one spelling: lower case, ASCII, without the trailing dot."""
    name = host.strip("[]").lower()
    if _is_ip(name):
        return str(ipaddress.ip_address(name))
    name = name[:-1] if name.endswith(".") else name
    if not name.isascii():
        name = name.encode("idna").decode("ascii").lower()
    if not name or "" in name.split("."):
        raise PinError(f"{host!r} is not a host name")
    return name


def find(host, port):
    """The one rule that applies; None where the host is unlisted."""
    patterns = [host]
    if not _is_ip(host):
        patterns.append("**." + host)
        labels = host.split(".")
        for i in range(1, len(labels)):
            rest = ".".join(labels[i:])
            if i == 1:
                patterns.append("*." + rest)
            patterns.append("**." + rest)
    other_ports = False
    for pattern in patterns:
        rules = _BY_PATTERN.get(pattern, [])
        for rule in rules:
            if port in rule["ports"]:
                return rule
        for rule in rules:
            if not rule["ports"]:
                return rule
        other_ports = other_ports or bool(rules)
    if other_ports:
        raise PinError(f"{host} is ruled on other ports than {port}")
    if RULES["unlisted"] == "refuse":
        raise PinError(f"{host} is not listed")
    return None


def _element(der, at):
    """Where the DER element at `at` has its content, and where it ends."""
    length = der[at + 1]
    at += 2
    if length & 0x80:
        count = length & 0x7F
        length = int.from_bytes(der[at : at + count], "big")
        at += count
    if at + length > len(der):
        raise PinError("a certificate is not DER")
    return at, at + length


def _spki(der):
    """The SubjectPublicKeyInfo as it stands in the certificate (RFC 5280, 4.1)."""
    tbs, _ = _element(der, 0)
    at, _ = _element(der, tbs)
    if der[at] == 0xA0:  # version
        at = _element(der, at)[1]
    for _ in range(5):  # serial number, signature, issuer, validity, subject
        at = _element(der, at)[1]
    return der[at : _element(der, at)[1]]


def _sha256(data):
    return "sha256/" + base64.b64encode(hashlib.sha256(data).digest()).decode("ascii")


def _verified_path(sock):
    if not isinstance(sock, ssl.SSLSocket) or sock.context.verify_mode != ssl.CERT_REQUIRED:
        raise PinError("the certificate was not verified: nothing to hold pins against")
    if hasattr(sock, "get_verified_chain"):  # 3.13
        chain = list(sock.get_verified_chain())
    else:
        chain = [each.public_bytes(2) for each in sock._sslobj.get_verified_chain()]
    return [(_sha256(_spki(der)), _sha256(der)) for der in chain]


def _matches(pin, entry, index):
    if (pin["place"] == "leaf" and index != 0) or (pin["place"] == "ca" and index == 0):
        return False
    return pin["pin"] == entry[1 if pin["kind"] == "cert" else 0]


def _satisfied(rule, path):
    at = [any(_matches(pin, e, i) for pin in rule["pins"]) for i, e in enumerate(path)]
    if rule["require"] == "leaf+ca":
        return at[0] and any(at[1:])
    return any(at)


def check(sock, host, port):
    """Raises PinError unless the connected TLS socket satisfies the policy."""
    name = canonical(host)
    rule = find(name, port)
    path = _verified_path(sock)
    keys = [spki for spki, _ in path]
    error = PinError("bad ssl pin detected, found pins: [" + " ".join(keys) + "]")
    if not path or not _REVOKED.isdisjoint(keys):
        raise error
    if rule is None or rule["mode"] == "off" or _satisfied(rule, path):
        return
    if rule["mode"] != "report":
        raise error
    on_report(name, error)


class PinnedHTTPSConnection(urllib3.connection.HTTPSConnection):
    """An HTTPS connection that is closed before the first byte of a request where pins miss."""

    def connect(self):
        super().connect()
        tunnel = getattr(self, "_tunnel_host", None)
        port = self._tunnel_port if tunnel else self.port
        try:
            check(self.sock, tunnel or self.host, port or 443)
        except BaseException:
            self.close()
            raise


class PinnedHTTPConnection(urllib3.connection.HTTPConnection):
    """Refuses to speak to a pinned host in clear."""

    def connect(self):
        rule = find(canonical(self.host), 443)
        if rule is not None and rule["mode"] != "off":
            raise PinError(f"{self.host} is pinned: http is refused")
        super().connect()


class PinnedHTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = PinnedHTTPSConnection


class PinnedHTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = PinnedHTTPConnection


class PinnedPoolManager(urllib3.PoolManager):
    """urllib3.PoolManager with the policy enforced on every connection, redirects among them."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.pool_classes_by_scheme = {"http": PinnedHTTPPool, "https": PinnedHTTPSPool}
)py";

Result<ImportedPolicy> Read(std::span<const InputFile> files) {
  return ReadRuleTable(files, "python");
}

bool Recognizes(std::span<const InputFile> files) { return HasRuleTable(files, "python"); }

Result<Exported> Write(const Policy& policy, const ExportOptions& options) {
  Result<Plan> plan = MakePlan(policy, kTableSpeech, options);
  if (!plan) return plan.error();
  std::string text =
      CommentBlock(policy, options, "python", "# ") +
      "\"\"\"Enforces a cotter policy in urllib3: PinnedPoolManager().request(\"GET\", "
      "url).\"\"\"\n"
      "import base64\nimport hashlib\nimport ipaddress\nimport logging\nimport ssl\n\n"
      "import urllib3\nimport urllib3.connection\n\n# " +
      TableMark("python") + "\nRULES = " + RuleTable(*plan, policy) + "\n" + std::string(kCode);
  plan->Lose("", Severity::kNote, "only the path that OpenSSL built first is looked at");
  return Exported{std::move(text), std::move(plan->losses)};
}

}  // namespace

extern const Format kPythonFormat;
const Format kPythonFormat{.name = "python",
                           .summary = "Python, for urllib3",
                           .recognizes = Recognizes,
                           .read = Read,
                           .write = Write};

}  // namespace cotter::formats
