// SPDX-License-Identifier: Apache-2.0
//
// Swift, as a URLSessionDelegate: what Apple's platforms need where NSPinnedDomains cannot say a
// policy. The system evaluates the trust first, always; then the pins are held against the chain
// that it built, by the keys as the certificates carry them. Whatever is missing is a refusal.
#include <utility>

#include "formats/plan.h"
#include "formats/rule_table.h"

namespace cotter::formats {
namespace {

constexpr std::string_view kHead = R"swift(
import CryptoKit
import Foundation
import Security

/// Enforces a cotter policy on a session's connections, before a byte of a request leaves:
/// `URLSession(configuration: .ephemeral, delegate: CotterPins(), delegateQueue: nil)`.
/// iOS 13, macOS 10.15 and later.
public final class CotterPins: NSObject, URLSessionTaskDelegate {
  /// Told of every violation, on the delegate's queue: the host, the pins of the path that the
  /// system built, leaf first, and whether the connection was refused.
  public var onViolation: ((_ host: String, _ found: [String], _ refused: Bool) -> Void)?

  public func urlSession(
    _ session: URLSession, didReceive challenge: URLAuthenticationChallenge,
    completionHandler: @escaping (URLSession.AuthChallengeDisposition, URLCredential?) -> Void
  ) {
    let space = challenge.protectionSpace
    guard space.authenticationMethod == NSURLAuthenticationMethodServerTrust else {
      completionHandler(.performDefaultHandling, nil)
      return
    }
)swift";

// Where DEBUG was left on in an optimised build, assertions are off and the pins hold.
constexpr std::string_view kDebugSwitch = R"swift(#if DEBUG
    // INSECURE, for builds that developers debug: the system's own checks alone decide, so that a
    // proxy such as Charles can look in. A release build does not hold this code.
    var isDebugBuild = false
    assert({ isDebugBuild = true; return true }())
    if isDebugBuild {
      NSLog("%@", "cotter: INSECURE DEBUG BUILD: \(space.host) IS NOT PINNED")
      completionHandler(.performDefaultHandling, nil)
      return
    }
#endif
)swift";

constexpr std::string_view kTail =
    R"swift(    guard let trust = space.serverTrust, holds(trust, space.host, space.port) else {
      completionHandler(.cancelAuthenticationChallenge, nil)
      return
    }
    completionHandler(.useCredential, URLCredential(trust: trust))
  }

  /// https is never followed into the clear.
  public func urlSession(
    _ session: URLSession, task: URLSessionTask,
    willPerformHTTPRedirection response: HTTPURLResponse, newRequest request: URLRequest,
    completionHandler: @escaping (URLRequest?) -> Void
  ) {
    completionHandler(request.url?.scheme?.lowercased() == "https" ? request : nil)
  }

  private func holds(_ trust: SecTrust, _ host: String, _ port: Int) -> Bool {
    guard let name = Self.canonical(host), let policy = Self.policy else { return false }
    let rule: Rule?
    switch policy.find(name, port) {
    case .refused: return false
    case .unlisted: rule = nil
    case .ruled(let found): rule = found
    }
    // PKI first: for this name, whatever the pins say.
    guard SecTrustSetPolicies(trust, SecPolicyCreateSSL(true, name as CFString)) == errSecSuccess,
      SecTrustEvaluateWithError(trust, nil)
    else { return false }
    // The evaluated chain, leaf to anchor: not what the server sent.
    guard let path = Self.path(of: trust), !path.isEmpty else { return false }
    let isRevoked = path.contains { policy.revoked.contains($0.spki) }
    if !isRevoked && (rule == nil || rule!.isSatisfied(by: path)) { return true }
    let refused = isRevoked || rule?.mode != "report"
    let found = path.map { $0.spki }
    NSLog("%@", "cotter: \(name): bad ssl pin detected, found pins: [\(found.joined(separator: " "))]")
    onViolation?(name, found, refused)
    return !refused
  }

  private struct Pin: Decodable {
    let pin: String
    let kind: String
    let place: String
  }

  private struct Entry {
    let cert: String
    let spki: String
  }

  private struct Rule: Decodable {
    let pattern: String
    let mode: String
    let require: String
    let ports: [Int]
    let pins: [Pin]

    func isSatisfied(by path: [Entry]) -> Bool {
      if mode == "off" { return true }
      let at = path.indices.map { index in
        pins.contains { pin in
          if pin.place == "leaf" && index != 0 || pin.place == "ca" && index == 0 { return false }
          return pin.pin == (pin.kind == "cert" ? path[index].cert : path[index].spki)
        }
      }
      let ca = at.dropFirst().contains(true)
      return require == "leaf+ca" ? at[0] && ca : at[0] || ca
    }
  }

  private enum Finding {
    case ruled(Rule)
    case unlisted
    case refused
  }

  private struct Policy: Decodable {
    let unlisted: String
    let revoked: [String]
    let rules: [Rule]

    /// The one rule that applies: the longest suffix, at it exact before `*.` before `**.`.
    func find(_ host: String, _ port: Int) -> Finding {
      var patterns = [host]
      let isAddress = host.contains(":") || host.allSatisfy { "0123456789.".contains($0) }
      if !isAddress {
        patterns.append("**." + host)
        let labels = host.split(separator: ".")
        for i in labels.indices.dropFirst() {
          let rest = labels[i...].joined(separator: ".")
          if i == 1 { patterns.append("*." + rest) }
          patterns.append("**." + rest)
        }
      }
      var otherPorts = false
      for pattern in patterns {
        let here = rules.filter { $0.pattern == pattern }
        let ruled = here.first { $0.ports.contains(port) } ?? here.first { $0.ports.isEmpty }
        if let rule = ruled { return .ruled(rule) }
        otherPorts = otherPorts || !here.isEmpty
      }
      return otherPorts || unlisted == "refuse" ? .refused : .unlisted
    }
  }

  private static let policy = try? JSONDecoder().decode(Policy.self, from: Data(cotterRules.utf8))

  /// The reference host in one spelling: lower case, without the trailing dot.
  private static func canonical(_ host: String) -> String? {
    var name = host.lowercased()
    if name.hasSuffix(".") { name.removeLast() }
    let labels = name.split(separator: ".", omittingEmptySubsequences: false)
    let isName = !name.isEmpty && name.utf8.allSatisfy { $0 < 0x80 }
    return isName && (name.contains(":") || !labels.contains("")) ? name : nil
  }

  private static func path(of trust: SecTrust) -> [Entry]? {
    var path: [Entry] = []
    for certificate in certificates(of: trust) {
      let der = [UInt8](SecCertificateCopyData(certificate) as Data)
      guard let key = spki(der) else { return nil }
      path.append(Entry(cert: pin(of: der), spki: pin(of: [UInt8](key))))
    }
    return path
  }

  private static func certificates(of trust: SecTrust) -> [SecCertificate] {
    if #available(iOS 15.0, macOS 12.0, tvOS 15.0, watchOS 8.0, *) {
      return SecTrustCopyCertificateChain(trust) as? [SecCertificate] ?? []
    }
    return (0..<SecTrustGetCertificateCount(trust)).compactMap {
      SecTrustGetCertificateAtIndex(trust, $0)
    }
  }

  private static func pin(of bytes: [UInt8]) -> String {
    return "sha256/" + Data(SHA256.hash(data: bytes)).base64EncodedString()
  }

  /// Where the DER element at `at` has its content, and where it ends.
  private static func element(_ der: [UInt8], _ at: Int) -> (begin: Int, end: Int)? {
    guard at + 2 <= der.count else { return nil }
    var length = Int(der[at + 1])
    var begin = at + 2
    if length & 0x80 != 0 {
      let count = length & 0x7f
      guard count <= 3, begin + count <= der.count else { return nil }
      length = 0
      for _ in 0..<count {
        length = length << 8 | Int(der[begin])
        begin += 1
      }
    }
    return length <= der.count - begin ? (begin, begin + length) : nil
  }

  /// The SubjectPublicKeyInfo as it stands in the certificate (RFC 5280, 4.1), never re-encoded:
  /// SecKeyCopyExternalRepresentation gives the key without it.
  private static func spki(_ der: [UInt8]) -> ArraySlice<UInt8>? {
    guard let whole = element(der, 0), let tbs = element(der, whole.begin) else { return nil }
    var at = tbs.begin
    // The version, where there is one, then the serial number to the subject.
    let fields = at < tbs.end && der[at] == 0xa0 ? 6 : 5
    for _ in 0..<fields {
      guard let field = element(der, at) else { return nil }
      at = field.end
    }
    guard let key = element(der, at) else { return nil }
    return der[at..<key.end]
  }
}
)swift";

Result<ImportedPolicy> Read(std::span<const InputFile> files) {
  return ReadRuleTable(files, "swift");
}

bool Recognizes(std::span<const InputFile> files) { return HasRuleTable(files, "swift"); }

Result<Exported> Write(const Policy& policy, const ExportOptions& options) {
  Result<Plan> plan = MakePlan(policy, kTableSpeech, options);
  if (!plan) return plan.error();
  std::string text = CommentBlock(policy, options, "swift", "// ") + std::string(kHead);
  if (options.build == Build::kInsecureDebug) text += kDebugSwitch;
  text += kTail;
  // A raw string of several lines; no three quotes follow one another in JSON.
  text += "\n// " + TableMark("swift") + "\nprivate let cotterRules = #\"\"\"\n" +
          RuleTable(*plan, policy) + "\n\"\"\"#\n";
  plan->Lose("", Severity::kNote, "only the path that the system built is looked at");
  plan->Lose("", Severity::kNote,
             "a session asks its delegate once a connection, and the system resumes TLS by itself: "
             "after a change of policy make a new process");
  plan->Lose("", Severity::kNote,
             "WKWebView, SFSafariViewController and background sessions' system daemons have their "
             "own connections: NSPinnedDomains covers the latter");
  return Exported{std::move(text), std::move(plan->losses)};
}

}  // namespace

extern const Format kSwiftFormat;
const Format kSwiftFormat{.name = "swift",
                          .summary = "Swift, as a URLSessionDelegate",
                          .recognizes = Recognizes,
                          .read = Read,
                          .write = Write,
                          .loosest = Build::kInsecureDebug};

}  // namespace cotter::formats
