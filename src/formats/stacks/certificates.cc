// SPDX-License-Identifier: Apache-2.0
//
// Plain certificates, alone or in folders, as Alamofire, AFNetworking and react-native-ssl-pinning
// bundle them: the keys of leaves become pins of the names in them. A CA's certificate names no
// host, so its file must: api.example.com.pem.
#include <algorithm>
#include <memory>
#include <unordered_map>
#include <utility>

#include <openssl/x509v3.h>

#include "base/sha256.h"
#include "formats/key_material.h"
#include "formats/source_text.h"

namespace cotter::formats {
namespace {

struct FreeX509 {
  void operator()(X509* x509) const { X509_free(x509); }
};
struct FreeNames {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};

struct Facts {
  std::vector<std::string> names;
  bool is_ca = false;
};

Facts FactsOf(ByteView der) {
  Facts facts;
  const unsigned char* at = der.data();
  const std::unique_ptr<X509, FreeX509> x509(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  if (x509 == nullptr) return facts;
  facts.is_ca = X509_check_ca(x509.get()) != 0;
  const std::unique_ptr<GENERAL_NAMES, FreeNames> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(x509.get(), NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS) continue;
    const unsigned char* text = ASN1_STRING_get0_data(name->d.dNSName);
    facts.names.push_back(
        std::string(AsText({text, static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName))})));
  }
  return facts;
}

// HostOfFile is the host that a file is called after, or empty.
std::string HostOfFile(std::string_view name) {
  name.remove_prefix(name.find_last_of('/') + 1);
  const std::size_t dot = name.find_last_of('.');
  if (dot == std::string_view::npos) return {};
  const std::string_view stem = name.substr(0, dot);
  return stem.find('.') != std::string_view::npos && HostName::Parse(stem) ? std::string(stem)
                                                                           : std::string();
}

class FolderReader {
 public:
  Result<void> Add(const InputFile& file) {
    const SourceText source = SourceText::OfLines(file.name);
    const auto visit = [&](const MaterialView& item) -> Result<void> {
      if (item.kind != MaterialKind::kCertificate) return Ok();
      return AddCertificate(source, item);
    };
    const Result<std::size_t> read = ForEachKeyMaterial(file.bytes, visit);
    if (read) return Ok();
    if (read.error().code == Code::kInputUnknown) {
      Lose("", Severity::kNote, std::string(file.name) + " holds no certificate");
      return Ok();
    }
    return Error{read.error().code, std::string(file.name) + ": " + read.error().message};
  }

  ImportedPolicy Take() && {
    for (HostRule& rule : rules_) TakeRule(imported_, std::move(rule));
    return std::move(imported_);
  }

 private:
  void Lose(std::string rule, Severity severity, std::string what) {
    imported_.losses.push_back(
        {.rule = std::move(rule), .what = std::move(what), .severity = severity});
  }

  Result<void> AddCertificate(const SourceText& source, const MaterialView& item) {
    Facts facts = FactsOf(item.der);
    const std::string host = HostOfFile(source.name());
    if (facts.is_ca || facts.names.empty()) {
      facts.names.clear();
      if (!host.empty()) facts.names.push_back(host);
    }
    if (facts.names.empty()) {
      Lose("", Severity::kEnforcement,
           std::string(source.name()) + (facts.is_ca ? ": a CA" : ": a certificate without names") +
               " is left out: which hosts it pins is not said; call its file HOST.pem");
    }
    for (const std::string& name : facts.names) {
      const Result<HostRule*> rule = RuleOf(source, name);
      if (!rule) {
        Lose("", Severity::kEnforcement, rule.error().message);
        continue;
      }
      PolicyPin pin;
      pin.pin.digest = base::Sha256(item.spki);
      pin.pin.place = facts.is_ca ? PinPlace::kCa : PinPlace::kLeaf;
      const bool full = (*rule)->pins.size() == kMaxPinsPerRule;
      if (!full && std::ranges::find((*rule)->pins, pin) == (*rule)->pins.end()) {
        (*rule)->pins.push_back(std::move(pin));
      }
    }
    return Ok();
  }

  Result<HostRule*> RuleOf(const SourceText& source, const std::string& name) {
    Result<HostRule> rule = source.NewRule(name, 0);
    if (!rule) return rule.error();
    const auto [place, is_new] = places_.emplace(rule->pattern.ToString(), rules_.size());
    if (is_new) rules_.push_back(*std::move(rule));
    return &rules_[place->second];
  }

  ImportedPolicy imported_;
  std::vector<HostRule> rules_;
  std::unordered_map<std::string, std::size_t> places_;
};

Result<ImportedPolicy> Read(std::span<const InputFile> files) {
  FolderReader reader;
  for (const InputFile& file : files) {
    if (Result<void> added = reader.Add(file); !added) return added.error();
  }
  return std::move(reader).Take();
}

bool Recognizes(std::span<const InputFile> files) {
  return std::ranges::all_of(files,
                             [](const InputFile& file) {
                               const std::string_view text = AsText(file.bytes);
                               return text.find("-----BEGIN CERTIFICATE-----") !=
                                          std::string_view::npos ||
                                      text.starts_with("\x30\x82");
                             }) &&
         std::ranges::none_of(files,
                              [](const InputFile& file) { return file.name.ends_with(".pins"); });
}

}  // namespace

extern const Format kCertificatesFormat;
const Format kCertificatesFormat{.name = "certificates",
                                 .summary = "certificates in PEM or DER, and folders of them",
                                 .recognizes = Recognizes,
                                 .read = Read,
                                 .files = Files::kMany};

}  // namespace cotter::formats
