// SPDX-License-Identifier: Apache-2.0
//
// OkHttp's CertificatePinner, in Kotlin and Java. It holds pins against the verified path, but adds
// up the pins of every pattern that matches, knows **. only since 4.3, and takes a host with a
// trailing dot for another, unpinned one: the exported code refuses such URLs.
#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>

#include "formats/plan.h"
#include "formats/source_code.h"
#include "formats/source_text.h"

namespace cotter::formats {
namespace {

using Kind = HostPattern::Kind;

constexpr std::string_view kLanguages[] = {"kotlin", "java"};
constexpr std::uint32_t kAllDepthsSince = 4003;   // 4.3
constexpr std::uint32_t kPropertiesSince = 4000;  // 4.0, where url() became url

// Argument is one argument of a call, as a range of tokens.
struct Argument {
  std::size_t begin = 0;
  std::size_t end = 0;
};

class PinnerReader {
 public:
  PinnerReader(const SourceText& source, const SourceCode& code) : source_(source), code_(code) {}

  Result<ImportedPolicy> Read() {
    const std::vector<Token>& tokens = code_.tokens();
    const bool pinner = std::ranges::any_of(
        tokens, [](const Token& token) { return token.Is("CertificatePinner"); });
    if (!pinner) return source_.Fail(0, Code::kPinsMissing, "no CertificatePinner in this code");
    // Between Builder and build every add is the pinner's, also without a dot, as in Kotlin's
    // apply { add(...) }; elsewhere the pins have to tell.
    bool building = false;
    for (std::size_t i = 1; i + 2 < tokens.size(); ++i) {
      const bool builder = tokens[i].Is("Builder") && tokens[i - 1].Is(".");
      if (builder) building = i > 1 && tokens[i - 2].Is("CertificatePinner");
      if (tokens[i].Is("build")) building = false;
      if (!tokens[i].Is("add") || !tokens[i + 1].Is("(")) continue;
      if (Result<void> read = ReadCall(i + 1, building); !read) return read.error();
    }
    if (rules_.empty()) {
      const auto at = std::ranges::find_if(
          tokens, [](const Token& token) { return token.Is("CertificatePinner"); });
      return source_.Fail(at->offset, Code::kPinsMissing,
                          "no pins written out in this code: what is made at run time cannot be "
                          "imported");
    }
    AddUnion();
    for (HostRule& rule : rules_) TakeRule(imported_, std::move(rule));
    return std::move(imported_);
  }

 private:
  // Arguments splits the call whose "(" is at `open` at its commas.
  [[nodiscard]] std::vector<Argument> Arguments(std::size_t open) const {
    const std::vector<Token>& tokens = code_.tokens();
    std::vector<Argument> arguments;
    std::size_t depth = 0;
    std::size_t begin = open + 1;
    for (std::size_t i = open; i < tokens.size(); ++i) {
      if (tokens[i].Is("(")) ++depth;
      if (tokens[i].Is(")")) --depth;
      const bool ends = depth == 0;
      if (!ends && !(depth == 1 && tokens[i].Is(","))) continue;
      if (begin < i) arguments.push_back({begin, i});
      begin = i + 1;
      if (ends) break;
    }
    return arguments;
  }

  Result<void> ReadCall(std::size_t open, bool is_pinner) {
    const std::vector<Argument> arguments = Arguments(open);
    if (arguments.size() < 2) return Ok();
    std::vector<std::pair<std::string, std::size_t>> pins;
    std::size_t unknown = 0;
    for (const Argument& argument : std::span(arguments).subspan(1)) {
      const Token& first = code_.tokens()[argument.begin];
      const std::optional<std::string> text = code_.Text(argument.begin, argument.end);
      is_pinner = is_pinner ||
                  (text && (text->starts_with("sha256/") || text->starts_with("sha1/"))) ||
                  (first.kind == Token::Kind::kString && first.text.starts_with("sha256/"));
      if (text) pins.emplace_back(*text, first.offset);
      unknown += text ? 0 : 1;
    }
    if (!is_pinner) return Ok();
    const std::size_t at = code_.tokens()[open].offset;
    const auto pattern = code_.Text(arguments.front().begin, arguments.front().end);
    if (!pattern) {
      Lose("", Severity::kEnforcement, "a pattern that is made at run time is left out", at);
      return Ok();
    }
    Result<HostRule*> rule = RuleOf(*pattern, code_.tokens()[arguments.front().begin].offset);
    if (!rule) return rule.error();
    if (unknown > 0) {
      Lose((*rule)->pattern.ToString(), Severity::kStricter,
           std::to_string(unknown) + " of its pins are made at run time and left out", at);
    }
    return AddPins(**rule, pins);
  }

  Result<void> AddPins(HostRule& rule,
                       const std::vector<std::pair<std::string, std::size_t>>& pins) {
    for (const auto& [pin, offset] : pins) {
      if (pin.starts_with("sha1/")) {
        Lose(rule.pattern.ToString(), Severity::kStricter, "a SHA-1 pin is left out", offset);
        continue;
      }
      Result<void> added = source_.AddPin(rule, pin, offset, imported_.losses);
      if (!added) return added;
    }
    return Ok();
  }

  Result<HostRule*> RuleOf(const std::string& pattern, std::size_t offset) {
    Result<HostRule> rule = source_.NewRule(pattern, offset);
    if (!rule) return rule.error();
    const auto [place, is_new] = places_.emplace(rule->pattern.ToString(), rules_.size());
    if (is_new) rules_.push_back(*std::move(rule));
    return &rules_[place->second];
  }

  void Lose(const std::string& rule, Severity severity, std::string what, std::size_t offset) {
    imported_.losses.push_back({.rule = rule,
                                .what = std::move(what),
                                .severity = severity,
                                .line = source_.Line(offset)});
  }

  // AddUnion writes the pins of every wider pattern into the narrower rules, because of which only
  // one applies here. A rule that then says the same as **. of its name is dropped.
  void AddUnion() {
    const std::vector<HostRule> given = rules_;
    const auto find = [&](const std::string& pattern) -> const HostRule* {
      const auto found = places_.find(pattern);
      return found == places_.end() ? nullptr : &given[found->second];
    };
    for (HostRule& rule : rules_) {
      for (const std::string& wider : Wider(rule.pattern)) {
        if (const HostRule* other = find(wider)) Add(rule, *other);
      }
    }
    std::erase_if(rules_, [&](const HostRule& rule) {
      if (rule.pattern.kind() == Kind::kAllDepths || rule.pattern.base().is_ip()) return false;
      const auto all = places_.find("**." + std::string(rule.pattern.base().text()));
      return all != places_.end() && given[all->second].pins.size() == rule.pins.size();
    });
  }

  static void Add(HostRule& rule, const HostRule& other) {
    for (const PolicyPin& pin : other.pins) {
      if (rule.pins.size() == kMaxPinsPerRule) return;
      if (std::ranges::find(rule.pins, pin) == rule.pins.end()) rule.pins.push_back(pin);
    }
  }

  static std::vector<std::string> Wider(const HostPattern& pattern) {
    std::vector<std::string> wider;
    const std::string base(pattern.base().text());
    if (pattern.base().is_ip()) return wider;
    if (pattern.kind() != Kind::kAllDepths) wider.push_back("**." + base);
    bool direct = pattern.kind() == Kind::kExact;
    for (std::size_t dot = base.find('.'); dot != std::string::npos;
         dot = base.find('.', dot + 1)) {
      if (direct) wider.push_back("*." + base.substr(dot + 1));
      direct = false;
      wider.push_back("**." + base.substr(dot + 1));
    }
    return wider;
  }

  const SourceText& source_;
  const SourceCode& code_;
  ImportedPolicy imported_;
  std::vector<HostRule> rules_;
  std::unordered_map<std::string, std::size_t> places_;
};

Result<ImportedPolicy> Read(std::span<const InputFile> files) {
  const Result<SourceText> source = SourceText::Open(files.front());
  if (!source) return source.error();
  const Result<SourceCode> code = SourceCode::Read(*source);
  if (!code) return code.error();
  return PinnerReader(*source, *code).Read();
}

bool Recognizes(std::span<const InputFile> files) {
  const std::string_view name = files.front().name;
  return AsText(files.front().bytes).find("CertificatePinner") != std::string_view::npos ||
         name.ends_with(".kt") || name.ends_with(".java");
}

std::string Calls(const Plan& plan, bool both_forms) {
  std::string text;
  const auto add = [&](const std::string& pattern, const PlanRule& rule) {
    text += "          .add(\"" + pattern + "\"";
    for (const PolicyPin& pin : rule.pins) {
      text += ",\n              \"" + FormatPin(pin.pin.digest) + "\"";
    }
    text += ")\n";
  };
  for (const PlanRule& rule : plan.rules) {
    const std::string base(rule.pattern.base().text());
    if (both_forms && rule.pattern.kind() == Kind::kAllDepths) {
      add(base, rule);
      add("*." + base, rule);
    }
    add(rule.pattern.ToString(), rule);
  }
  return text;
}

constexpr std::string_view kJavaHead = R"java(
import java.io.IOException;
import java.util.Collections;
import okhttp3.CertificatePinner;
import okhttp3.ConnectionSpec;
import okhttp3.Interceptor;
import okhttp3.OkHttpClient;
import okhttp3.Response;

/** Enforces a cotter policy: {@code CotterPins.pinned(new OkHttpClient.Builder()).build()}. */
public final class CotterPins {
  private CotterPins() {}

  /** The pins. Use {@link #pinned}, which also guards what a pinner does not see. */
  public static CertificatePinner pinner() {
    return new CertificatePinner.Builder()
)java";

constexpr std::string_view kJavaTail = R"java(          .build();
  }

  /** Adds the pins to a client; refuses cleartext, and hosts that are spelled to evade pins. */
  public static OkHttpClient.Builder pinned(OkHttpClient.Builder builder) {
@DEBUG@    return builder
        .certificatePinner(pinner())
        .connectionSpecs(Collections.singletonList(ConnectionSpec.MODERN_TLS))
        .addInterceptor(CotterPins::guard)
        .addNetworkInterceptor(CotterPins::guard);
  }

  // The pinner takes "api.example.com." for another host than "api.example.com". As a network
  // interceptor this sees redirects too, before a byte of the request is sent.
  private static Response guard(Interceptor.Chain chain) throws IOException {
    if (chain.request().url().host().endsWith(".")) {
      throw new IOException("cotter: a host with a trailing dot is not pinned, so it is refused");
    }
    return chain.proceed(chain.request());
  }
}
)java";

constexpr std::string_view kKotlinHead = R"kotlin(
import java.io.IOException
import okhttp3.CertificatePinner
import okhttp3.ConnectionSpec
import okhttp3.Interceptor
import okhttp3.OkHttpClient
import okhttp3.Response

/** Enforces a cotter policy: `CotterPins.pinned(OkHttpClient.Builder()).build()`. */
object CotterPins {
    /** The pins. Use [pinned], which also guards what a pinner does not see. */
    fun pinner(): CertificatePinner =
        CertificatePinner.Builder()
)kotlin";

constexpr std::string_view kKotlinTail = R"kotlin(          .build()

    /** Adds the pins to a client; refuses cleartext, and hosts that are spelled to evade pins. */
    fun pinned(builder: OkHttpClient.Builder): OkHttpClient.Builder {
@DEBUG@        return builder
            .certificatePinner(pinner())
            .connectionSpecs(listOf(ConnectionSpec.MODERN_TLS))
            .addInterceptor(Guard)
            .addNetworkInterceptor(Guard)
    }

    // The pinner takes "api.example.com." for another host than "api.example.com". As a network
    // interceptor this sees redirects too, before a byte of the request is sent.
    private object Guard : Interceptor {
        override fun intercept(chain: Interceptor.Chain): Response {
            if (@URL@.endsWith(".")) {
                throw IOException("cotter: a host with a trailing dot is not pinned, so it is refused")
            }
            return chain.proceed(chain.request())
        }
    }
}
)kotlin";

std::string Filled(std::string_view text, std::string_view key, std::string_view value) {
  std::string filled(text);
  const std::size_t at = filled.find(key);
  if (at != std::string::npos) filled.replace(at, key.size(), value);
  return filled;
}

// DebugSwitch is the lines for "@DEBUG@": nothing in a release. BuildConfig is the app's own class,
// whose DEBUG the build sets.
std::string DebugSwitch(Build build, const std::string& indent, const std::string& end) {
  if (build == Build::kRelease) return "";
  return indent + "// INSECURE, for builds that developers debug: the pins are off there.\n" +
         indent + "if (BuildConfig.DEBUG) {\n" + indent +
         "  System.err.println(\"cotter: INSECURE DEBUG BUILD: CONNECTIONS ARE NOT PINNED\")" +
         end + "\n" + indent + "  return builder" + end + "\n" + indent + "}\n";
}

std::string JavaTail(Build build) {
  return Filled(kJavaTail, "@DEBUG@", DebugSwitch(build, "    ", ";"));
}

std::string KotlinTail(Build build, std::optional<std::uint32_t> version) {
  const bool properties = version.value_or(kPropertiesSince) >= kPropertiesSince;
  const std::string tail =
      Filled(kKotlinTail, "@URL@",
             properties ? "chain.request().url.host" : "chain.request().url().host()");
  return Filled(tail, "@DEBUG@", DebugSwitch(build, "        ", ""));
}

Result<Exported> Write(const Policy& policy, const ExportOptions& options) {
  const bool old = options.okhttp_version && *options.okhttp_version < kAllDepthsSince;
  const Speech speech{.hosts = old ? Hosts::kUnionOneLabel : Hosts::kUnion,
                      .places = Places::kAnywhere};
  Result<Plan> plan = MakePlan(policy, speech, options);
  if (!plan) return plan.error();
  const bool unknown = !options.okhttp_version;
  for (const PlanRule& rule : plan->rules) {
    if (!unknown || rule.pattern.kind() != Kind::kAllDepths) continue;
    plan->Lose(rule.pattern.ToString(), Severity::kEnforcement,
               "before OkHttp 4.3 names more than one label deeper are not pinned: give "
               "--okhttp-version");
  }
  const bool java = options.language == "java";
  std::string text = CommentBlock(policy, options, "okhttp", "// ");
  text += java ? kJavaHead : kKotlinHead;
  text += Calls(*plan, unknown);
  text += java ? JavaTail(options.build) : KotlinTail(options.build, options.okhttp_version);
  plan->Lose("", Severity::kNote,
             "OkHttp does not pin a host with a trailing dot; the exported code refuses it");
  return Exported{std::move(text), std::move(plan->losses)};
}

}  // namespace

extern const Format kOkhttpFormat;
const Format kOkhttpFormat{.name = "okhttp",
                           .summary = "OkHttp's CertificatePinner, in Kotlin or Java",
                           .recognizes = Recognizes,
                           .read = Read,
                           .write = Write,
                           .languages = kLanguages,
                           .loosest = Build::kInsecureDebug};

}  // namespace cotter::formats
