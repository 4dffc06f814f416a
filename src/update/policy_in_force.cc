// SPDX-License-Identifier: Apache-2.0
#include "update/policy_in_force.h"

#include <cstdint>
#include <filesystem>
#include <utility>

#include <system_error>

#include "base/file.h"
#include "base/sha256.h"
#include "policy/policy_file.h"
#include "policy/policy_json.h"
#include "update/delegate.h"
#include "update/names.h"
#include "update/verify.h"

namespace cotter::update {
namespace {

// The file that counts, and what is remembered of 256 statements.
constexpr std::size_t kMaxStateFile = std::size_t{4} << 20;

constexpr std::size_t kMaxLog = std::size_t{1} << 20;  // some years of emergencies
constexpr unsigned kLogMode = 0600;

constexpr std::size_t kMaxDelegates = 64;  // teams of one environment; each is two fetches a poll

bool Exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

Result<std::string> ReadText(const std::string& path, std::size_t limit) {
  const Result<base::FileImage> file = base::ReadFile(path, limit);
  if (!file) return file.error();
  return std::string(AsText(file->bytes()));
}

// WriteIfOther leaves a file alone that holds `text` already.
Result<void> WriteIfOther(const std::string& path, const std::string& text, std::size_t limit) {
  const Result<std::string> there = ReadText(path, limit);
  if (there && *there == text) return Ok();
  return base::WriteFileAtomically(path, AsBytes(text));
}

Error About(std::string_view what, const Error& error) {
  return Error{error.code, std::string(what) + ": " + error.message};
}

}  // namespace

// Parse reads a text once, however often it is asked.
Result<const Policy*> PolicyInForce::Parse(const std::string& signed_text) {
  if (!parsed_ || parsed_text_ != signed_text) {
    Result<Policy> policy = policy::ReadPolicy(signed_text, "policy.json");
    if (!policy) return policy.error();
    parsed_ = *std::move(policy);
    parsed_text_ = signed_text;
    plain_.reset();
    if (parsed_->delegates.empty() && parsed_->emergency.empty() && parsed_->revision == 0) {
      plain_ = Plain{base::Sha256(AsBytes(signed_text))};
    }
  }
  return &*parsed_;
}

// StandsAlone reports that what is in force of `signed_text` is just that, which is known without
// reading it again.
bool PolicyInForce::StandsAlone(const std::string& signed_text) const {
  return !emergency_->knows() && plain_ && plain_->content == base::Sha256(AsBytes(signed_text));
}

Result<void> PolicyInForce::RequireAuthored(const std::string& text) {
  const Result<const Policy*> policy = Parse(text);
  if (!policy) return policy.error();
  if ((*policy)->emergency.empty() && (*policy)->revision == 0) return Ok();
  return Error{Code::kPolicyInvalid,
               "emergency statements and a revision are what a client writes; who signs policies "
               "cannot"};
}

std::string PolicyInForce::DelegateFile(const std::string& name) const {
  return state_ + "/delegates/" + FileNameOf(name, ".json");
}

std::string PolicyInForce::CopyOf(const std::string& name) const {
  return state_ + "/delegates/" + FileNameOf(name, ".copy");
}

Result<std::string> PolicyInForce::Signed() const {
  const bool apart = Exists(SignedFile());
  return ReadText(apart ? SignedFile() : PolicyFile(), policy::kMaxPolicyJsonSize);
}

// Load reads what is remembered of emergency statements. Where that is lost or cannot be read, what
// is in force goes on until the next poll brings the file again.
void PolicyInForce::Load() {
  if (emergency_) return;
  emergency_.emplace();
  const bool remembered = Exists(EmergencyFilePath());
  if (!remembered && !Exists(SignedFile())) return;
  const Result<std::string> text = ReadText(EmergencyFilePath(), kMaxStateFile);
  Result<EmergencyState> state = text ? EmergencyState::Read(*text) : text.error();
  if (state) {
    emergency_ = *std::move(state);
    emergency_text_ = *text;
    return;
  }
  const Result<std::string> there = ReadText(PolicyFile(), policy::kMaxPolicyJsonSize);
  const Result<Policy> in_force =
      there ? policy::ReadPolicy(*there, PolicyFile()) : Result<Policy>(there.error());
  if (in_force) emergency_->Keep(*in_force);
}

Result<void> PolicyInForce::FetchEmergency(Client& client) {
  const std::string path = environment_ + "/emergency.json";
  const Result<Client::Spoken> said = client.FindIn(kEmergencyRole, path);
  if (!said) return said.error().code == Code::kTargetUnknown ? Ok() : Result<void>(said.error());
  if (*said->info.length > static_cast<std::int64_t>(kMaxEmergencyFile)) {
    return Error{Code::kFileTooLarge, "larger than emergency statements may be"};
  }
  const bool same = static_cast<bool>(VerifyContent(emergency_->content(), said->info));
  const Result<std::string> content =
      same ? Result<std::string>(emergency_->content()) : client.Download(path, said->info);
  if (!content) return content.error();
  return emergency_->Take(*content, environment_, said->signers, said->threshold);
}

// What was there stays where the new file may not be taken.
Result<void> PolicyInForce::FetchDelegate(Client& client, const Policy& policy,
                                          const Delegate& delegate) {
  const Result<Client::Spoken> said = client.FindIn(delegate.name, delegate.target);
  if (!said) return said.error();
  if (*said->info.length > static_cast<std::int64_t>(policy::kMaxPolicyJsonSize)) {
    return Error{Code::kFileTooLarge, "larger than a policy may be"};
  }
  const Result<std::string> there =
      ReadText(DelegateFile(delegate.name), policy::kMaxPolicyJsonSize);
  if (there && VerifyContent(*there, said->info)) {
    return Exists(CopyOf(delegate.name)) ? Ok() : KeepDelegate(delegate, *there);
  }
  const Result<std::string> before = ReadKept(delegate);
  if (before && VerifyContent(*before, said->info)) return KeepDelegate(delegate, *before);
  const Result<std::string> content = client.Download(delegate.target, said->info);
  if (!content) return content.error();
  const Result<Policy> theirs = ReadDelegate(delegate, environment_, *content);
  if (!theirs) return theirs.error();
  Policy whole = policy;
  if (Result<void> added = AddRules(whole, delegate, *theirs); !added) return added;
  if (before) {
    const Result<Policy> old = policy::ReadPolicy(*before, delegate.target);
    if (old && theirs->version <= old->version) {
      return Error{Code::kPolicyRollback, "version " + std::to_string(theirs->version) +
                                              " after version " + std::to_string(old->version)};
    }
  }
  return KeepDelegate(delegate, *content);
}

// KeepDelegate writes the copy last: at every moment one of the two is whole.
Result<void> PolicyInForce::KeepDelegate(const Delegate& delegate, const std::string& text) {
  std::error_code error;
  std::filesystem::create_directories(state_ + "/delegates", error);
  if (error) return Error{Code::kFileUnreadable, state_ + "/delegates: " + error.message()};
  const Result<void> done = base::WriteFileAtomically(DelegateFile(delegate.name), AsBytes(text));
  if (!done) return done;
  return base::WriteFileAtomically(CopyOf(delegate.name), AsBytes(text));
}

// ReadKept is the last good file of a delegate, or its copy where that is damaged or gone. Fails
// where neither is good.
Result<std::string> PolicyInForce::ReadKept(const Delegate& delegate) const {
  std::optional<Error> fault;
  for (const std::string& path : {DelegateFile(delegate.name), CopyOf(delegate.name)}) {
    Result<std::string> text = ReadText(path, policy::kMaxPolicyJsonSize);
    const Result<Policy> policy =
        text ? policy::ReadPolicy(*text, delegate.target) : Result<Policy>(text.error());
    if (policy) return text;
    if (!fault) fault = policy.error();
  }
  return *fault;
}

std::vector<Error> PolicyInForce::Fetch(Client& client, const std::string& signed_text) {
  Load();
  std::vector<Error> notices;
  if (Result<void> done = FetchEmergency(client); !done) {
    notices.push_back(About("emergency statements", done.error()));
  }
  if (StandsAlone(signed_text)) return notices;
  const Result<const Policy*> policy = Parse(signed_text);
  if (!policy) return {policy.error()};
  std::size_t count = 0;
  for (const Delegate& delegate : (*policy)->delegates) {
    if (++count > kMaxDelegates) {
      notices.push_back({Code::kDelegateRefused, "more than " + std::to_string(kMaxDelegates) +
                                                     " delegates; the rest is left out"});
      break;
    }
    if (Result<void> done = FetchDelegate(client, **policy, delegate); !done) {
      notices.push_back(About("delegate " + delegate.name, done.error()));
    }
  }
  return notices;
}

Result<Composed> PolicyInForce::Compose(const std::string& signed_text, const Clocks& clocks) {
  Load();
  Composed composed;
  composed.time = clocks.wall;
  if (StandsAlone(signed_text)) {
    composed.text = signed_text;
    return composed;
  }
  const Result<const Policy*> parsed = Parse(signed_text);
  if (!parsed) return parsed.error();
  Policy policy = **parsed;
  std::size_t count = 0;
  const std::vector<Delegate> delegates = policy.delegates;
  for (const Delegate& delegate : delegates) {
    if (++count > kMaxDelegates) break;
    const std::string path = DelegateFile(delegate.name);
    if (!Exists(path) && !Exists(CopyOf(delegate.name))) continue;
    const std::string who = "delegate " + delegate.name;
    Result<std::string> text = ReadText(path, policy::kMaxPolicyJsonSize);
    Result<void> added =
        text ? KeepRules(policy, delegate, environment_, *text) : Result<void>(text.error());
    if (added) continue;
    composed.notices.push_back(About(who, added.error()));
    // A file that is damaged added nothing.
    if (text && policy::ReadPolicy(*text, delegate.target)) continue;
    text = ReadKept(delegate);
    if (!text) continue;
    added = KeepRules(policy, delegate, environment_, *text);
    if (!added) composed.notices.push_back(About(who + ", from its copy", added.error()));
  }
  composed.emergency = emergency_->Apply(policy, clocks);
  for (const EmergencyView& view : composed.emergency) {
    if (view.why) composed.notices.push_back(About("emergency statement", *view.why));
  }
  // What is in force of a policy with nothing beside it is what was signed, byte for byte.
  composed.text = policy.revision == 0 ? signed_text : policy::WritePolicyJson(policy);
  return composed;
}

// Log appends `news` by writing the file anew, so that no line is ever half there. What would make
// it too long drops its older half.
Result<void> PolicyInForce::Log(const std::vector<JsonObject>& news, Time now) {
  if (news.empty()) return Ok();
  const std::string path = state_ + "/emergency-log.jsonl";
  std::string text;
  if (Exists(path)) {
    Result<std::string> before = ReadText(path, 2 * kMaxLog);
    if (!before) return before.error();
    text = *std::move(before);
  }
  for (JsonObject event : news) {
    event.Set("time", {FormatTime(now)});
    text += WriteJson({std::move(event)}) + "\n";
  }
  if (text.size() > kMaxLog) text.erase(0, text.find('\n', text.size() / 2) + 1);
  return base::WriteFileAtomically(path, AsBytes(text), kLogMode);
}

Result<void> PolicyInForce::Write(const std::string& signed_text, const Composed& composed) {
  if (Result<void> done = Log(emergency_->News(composed.emergency), composed.time); !done) {
    return done;
  }
  const std::string emergency = emergency_->Write();
  if (emergency != emergency_text_ && emergency_->knows()) {
    // Before the policy: what is in force is then never longer in force than is remembered.
    if (Result<void> done = base::WriteFileAtomically(EmergencyFilePath(), AsBytes(emergency));
        !done) {
      return done;
    }
    emergency_text_ = emergency;
  }
  constexpr std::size_t kLimit = policy::kMaxPolicyJsonSize;
  const bool same = composed.text == signed_text;
  if (!same) {
    if (Result<void> done = WriteIfOther(SignedFile(), signed_text, kLimit); !done) return done;
  }
  if (Result<void> done = WriteIfOther(PolicyFile(), composed.text, kLimit); !done) return done;
  if (same && plain_ && !emergency_->knows()) {
    // For the hours until the next poll, what is compiled is enough.
    parsed_.reset();
    parsed_text_ = {};
  }
  if (!same || !Exists(SignedFile())) return Ok();
  std::error_code error;
  std::filesystem::remove(SignedFile(), error);
  if (error) return Error{Code::kFileUnreadable, SignedFile() + ": " + error.message()};
  return Ok();
}

Result<StateView> ViewState(const std::string& state, const Clocks& clocks) {
  const Result<std::string> text = PolicyInForce(state, {}).Signed();
  if (!text) {
    return Error{Code::kUpdateStateInvalid,
                 state + ": there is no policy: " + text.error().message};
  }
  const Result<Policy> policy = policy::ReadPolicy(*text, state + "/policy.json");
  if (!policy) return policy.error();
  const Result<Composed> composed =
      PolicyInForce(state, policy->environment).Compose(*text, clocks);
  if (!composed) return composed.error();
  StateView view;
  view.name = policy->name;
  view.environment = policy->environment;
  view.version = policy->version;
  view.emergency = composed->emergency;
  view.notices = composed->notices;
  if (const Result<Policy> now = policy::ReadPolicy(composed->text, "policy.json")) {
    view.revision = now->revision;
  }
  const Result<std::string> raw = ReadText(state + "/metadata/timestamp.json", kMaxTimestampSize);
  if (!raw) return view;
  if (const Result<Timestamp> timestamp = ReadTimestamp(*raw)) {
    view.timestamp_expires = timestamp->expires;
  }
  return view;
}

}  // namespace cotter::update
