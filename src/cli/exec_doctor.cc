// SPDX-License-Identifier: Apache-2.0
#include "cli/exec_doctor.h"

#include <filesystem>
#include <string_view>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <system_error>
#include <unistd.h>

#include "cli/exec_proof.h"
#include "cli/exec_start.h"
#include "cli/report.h"
#include "cli/safe_text.h"
#include "coverage/libraries.h"
#include "coverage/program.h"

namespace cotter::cli {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

using coverage::Kind;

// The kernel follows fewer interpreters than that.
constexpr int kMaxInterpreters = 8;

// Diagnosis is everything that is known of a program.
struct Diagnosis {
  std::string program;            // as it was found
  std::vector<std::string> via;   // the interpreters, outermost first
  Kind kind = Kind::kUnreadable;  // of the last one
  coverage::LinkedTls linked;
  std::vector<std::string> against;  // why it is not covered
  Proof proof;
};

// Interpreter is what runs a script: its "#!", and what env looks for.
std::string InterpreterOf(const std::string& script, const coverage::ProgramLook& look) {
  const std::string interpreter = look.detail;
  if (fs::path(interpreter).filename() != "env") return interpreter;
  // "#!/usr/bin/env [-S] NAME": the name is the first word that is no option.
  std::string line;
  if (FILE* const file = std::fopen(script.c_str(), "re")) {
    std::string buffer(256, '\0');
    buffer.resize(std::fread(buffer.data(), 1, buffer.size(), file));
    std::fclose(file);
    line = buffer.substr(0, buffer.find('\n'));
  }
  std::size_t at = line.find("env");
  at = at == std::string::npos ? at : line.find_first_of(" \t", at);
  while (at != std::string::npos) {
    at = line.find_first_not_of(" \t", at);
    if (at == std::string::npos) break;
    const std::size_t end = std::min(line.find_first_of(" \t\r", at), line.size());
    const std::string word = line.substr(at, end - at);
    if (word[0] != '-' && word.find('=') == std::string::npos) return FindProgram(word);
    at = end;
  }
  return interpreter;
}

Diagnosis Diagnose(const std::string& program, const std::vector<std::string>& words) {
  Diagnosis diagnosis;
  diagnosis.program = program;
  std::string path = program;
  coverage::ProgramLook look = coverage::LookAt(path.c_str());
  for (int i = 0; i < kMaxInterpreters && look.kind == Kind::kScript; ++i) {
    path = InterpreterOf(path, look);
    diagnosis.via.push_back(path);
    look = coverage::LookAt(path.c_str());
  }
  diagnosis.kind = look.kind;
  if (!coverage::IsCovered(look.kind) || look.kind == Kind::kScript) {
    std::string why(Describe(look.kind));
    if (look.detail[0] != '\0') why.append(" (").append(look.detail).append(")");
    diagnosis.against.push_back(std::move(why));
    return diagnosis;
  }
  diagnosis.linked = coverage::LookAtLibraries(path);
  diagnosis.against = diagnosis.linked.unreachable;
  if (diagnosis.against.empty()) diagnosis.proof = Prove(program, words);
  if (diagnosis.proof.end == ProofEnd::kBroken) {
    diagnosis.against.push_back(diagnosis.proof.detail);
  }
  return diagnosis;
}

std::string_view NameOf(ProofEnd end) {
  switch (end) {
    case ProofEnd::kHolds:
      return "holds";
    case ProofEnd::kBroken:
      return "broken";
    case ProofEnd::kPinnedRefused:
      return "inconclusive";
    case ProofEnd::kNotTried:
      return "not_tried";
  }
  return {};
}

std::string_view VerdictOf(const Diagnosis& diagnosis) {
  if (!diagnosis.against.empty()) return "not_covered";
  return diagnosis.proof.end == ProofEnd::kHolds ? "covered" : "unproven";
}

Exit ExitOfDiagnosis(const Diagnosis& diagnosis) {
  if (!diagnosis.against.empty()) return Exit::kViolated;
  return diagnosis.proof.end == ProofEnd::kHolds ? Exit::kSatisfied : Exit::kUndecided;
}

// TlsOf is one line on the TLS libraries that the dynamic linker brings.
std::string TlsOf(const Diagnosis& diagnosis) {
  const coverage::LinkedTls& linked = diagnosis.linked;
  if (linked.openssl && linked.gnutls) return "OpenSSL 3 and GnuTLS, as shared libraries";
  if (linked.openssl) return "OpenSSL 3, as a shared library";
  if (linked.gnutls) return "GnuTLS, as a shared library";
  return "none is linked: it, or a program that it starts, loads one when it needs it";
}

json::array Array(const std::vector<std::string>& texts) {
  json::array array;
  for (const std::string& text : texts) array.emplace_back(text);
  return array;
}

void PrintJson(const Diagnosis& diagnosis, Output& output) {
  json::array tls;
  if (diagnosis.linked.openssl) tls.emplace_back("openssl");
  if (diagnosis.linked.gnutls) tls.emplace_back("gnutls");
  output.Json({{"program", diagnosis.program},
               {"interpreters", Array(diagnosis.via)},
               {"verdict", VerdictOf(diagnosis)},
               {"kind", NameOf(diagnosis.kind)},
               {"tls", std::move(tls)},
               {"against", Array(diagnosis.against)},
               {"missing_libraries", Array(diagnosis.linked.missing)},
               {"proof",
                {{"result", NameOf(diagnosis.proof.end)},
                 {"detail", diagnosis.proof.detail},
                 {"command", Array(diagnosis.proof.command)}}}});
}

void PrintText(const Diagnosis& diagnosis, Output& output) {
  std::string text = SafeText(diagnosis.program);
  text.append(": ").append(VerdictOf(diagnosis) == "not_covered" ? "not covered"
                           : VerdictOf(diagnosis) == "covered"
                               ? "covered"
                               : "covered as far as can be seen, not proven");
  text += "\n";
  for (const std::string& path : diagnosis.via) text += "  runs in  " + SafeText(path) + "\n";
  for (const std::string& why : diagnosis.against) text += "  because  " + SafeText(why) + "\n";
  if (coverage::IsCovered(diagnosis.kind)) {
    text += "  TLS      " + TlsOf(diagnosis) + "\n";
    for (const std::string& name : diagnosis.linked.missing) {
      text += "  missing  " + SafeText(name) + "\n";
    }
    if (!diagnosis.proof.detail.empty())
      text += "  proof    " + SafeText(diagnosis.proof.detail) + "\n";
  }
  output.Text(text);
}

}  // namespace

Exit RunDoctor(const std::vector<std::string>& words, DoctorForm form, Output& output) {
  const std::string program = FindProgram(words.front());
  if (program.empty() || ::access(program.c_str(), F_OK) != 0) {
    ReportError("exec: " + words.front() + ": no such program");
    return Exit::kUsage;
  }
  const Diagnosis diagnosis = Diagnose(program, words);
  if (form == DoctorForm::kJson) {
    PrintJson(diagnosis, output);
  } else {
    PrintText(diagnosis, output);
  }
  return ExitOfDiagnosis(diagnosis);
}

}  // namespace cotter::cli
