// SPDX-License-Identifier: Apache-2.0
#include "update/emergency_state.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/clock.h"
#include "base/sha256.h"
#include "policy/policy_json.h"
#include "update/field_reader.h"
#include "update/json_value.h"
#include "update/public_key.h"

namespace cotter::update {
namespace {

// A clock that is put right by a second or two moves no end.
constexpr std::int64_t kClockNoise = 60;

Error Invalid(std::string why) { return Error{Code::kEmergencyInvalid, std::move(why)}; }

std::size_t NeededWide(std::size_t threshold) {
  return std::max(threshold, kMinApprovers) + kWideMargin;
}

// AppliedDigest is of the whole policy, however often it changed before.
Digest AppliedDigest(Policy policy) {
  policy.revision = 0;
  return policy::PolicyDigest(policy);
}

Digest DigestOf(FieldReader& reader, const JsonObject* from, std::string_view key) {
  Digest digest;
  const std::optional<Bytes> bytes = DecodeHex(reader.Text(from, key));
  if (!bytes || bytes->size() != digest.bytes.size()) {
    reader.Fail("\"" + std::string(key) + "\" is no digest");
    return digest;
  }
  std::copy(bytes->begin(), bytes->end(), digest.bytes.begin());
  return digest;
}

std::string TextOf(const JsonObject& object, std::string_view key) {
  const JsonValue* value = object.Find(key);
  return value != nullptr && value->text() != nullptr ? *value->text() : std::string();
}

constexpr std::int64_t kLeastTime = std::numeric_limits<std::int64_t>::min();

}  // namespace

Clocks ReadClocks() { return {base::Now(), base::BootId(), base::SecondsSinceBoot()}; }

std::string_view NameOf(EmergencyStanding standing) noexcept {
  constexpr std::array<std::string_view, 4> kNames = {"in_force", "waits", "over", "refused"};
  return kNames[static_cast<std::size_t>(standing)];
}

Result<void> EmergencyState::Take(std::string_view content, const std::string& environment,
                                  std::size_t signers, std::size_t threshold) {
  const std::size_t needed = std::max(threshold, kMinApprovers);
  if (signers < needed) {
    return Invalid("signed by " + std::to_string(signers) + ", where " + std::to_string(needed) +
                   " have to");
  }
  Result<EmergencyFile> file = ReadEmergencyFile(content);
  if (!file) return file.error();
  if (file->environment != environment) {
    return Error{Code::kWrongEnvironment, "emergency statements for \"" + file->environment + "\""};
  }
  const bool other = content != content_;
  if (file->version < file_.version || (other && file->version == file_.version)) {
    return Error{Code::kPolicyRollback, "emergency statements of version " +
                                            std::to_string(file->version) + " after version " +
                                            std::to_string(file_.version)};
  }
  content_ = content;
  file_ = *std::move(file);
  // More signatures may come to one file later; fewer take nothing back.
  signers_ = other ? signers : std::max(signers, signers_);
  threshold_ = threshold;
  return Ok();
}

// Advance counts the time since it was counted last: by the clock that goes on from boot to boot,
// and over a boot by the wall clock, or by what went by since, whichever is more.
void EmergencyState::Advance(const Clocks& clocks) {
  std::int64_t passed = 0;
  if (last_) {
    const std::int64_t wall =
        std::max<std::int64_t>(clocks.wall.unix_seconds - last_->wall.unix_seconds, 0);
    const std::int64_t boot = clocks.since_boot - last_->since_boot;
    const bool same_boot = clocks.boot_id == last_->boot_id && boot >= 0;
    passed = same_boot ? boot : std::max(wall, clocks.since_boot);
  }
  for (Seen& seen : seen_) seen.spent = std::min(seen.spent + passed, kMaxJsonInteger);
  last_ = clocks;
}

EmergencyState::Seen& EmergencyState::Remember(const SignedStatement& statement, Time now) {
  const auto found = std::find_if(seen_.begin(), seen_.end(),
                                  [&](const Seen& seen) { return seen.id == statement.what.id; });
  if (found != seen_.end()) return *found;
  Seen seen;
  seen.id = statement.what.id;
  seen.digest = statement.digest;
  seen.first = now;
  seen_.push_back(std::move(seen));
  return seen_.back();
}

// Forget drops the oldest that the file does not hold.
void EmergencyState::Forget() {
  const auto listed = [this](const Seen& seen) {
    return std::any_of(
        file_.statements.begin(), file_.statements.end(),
        [&](const SignedStatement& statement) { return statement.what.id == seen.id; });
  };
  while (seen_.size() > kMaxRemembered) {
    const auto oldest = std::find_if_not(seen_.begin(), seen_.end(), listed);
    if (oldest == seen_.end()) return;
    seen_.erase(oldest);
  }
}

void EmergencyState::Keep(const Policy& in_force) {
  kept_ = in_force.emergency;
  revision_ = std::max(revision_, in_force.revision);
  if (revision_ != 0) applied_ = AppliedDigest(in_force);
}

std::vector<EmergencyView> EmergencyState::Apply(Policy& policy, const Clocks& clocks) {
  Advance(clocks);
  std::vector<EmergencyView> views;
  policy.emergency.clear();
  for (const EmergencyStatement& statement : kept_) {
    if (!content_.empty()) break;  // the file says it all
    const bool over = statement.until && *statement.until <= clocks.wall;
    views.push_back({statement, over ? EmergencyStanding::kOver : EmergencyStanding::kInForce, {}});
    if (!over) policy.emergency.push_back(statement);
  }
  for (const SignedStatement& statement : file_.statements) {
    EmergencyView view = Stand(statement, policy, clocks.wall);
    if (view.standing == EmergencyStanding::kInForce) policy.emergency.push_back(view.statement);
    views.push_back(std::move(view));
  }
  for (const RefusedStatement& refused : file_.refused) {
    EmergencyView view;
    view.statement.id = refused.id;
    view.why = refused.error;
    views.push_back(std::move(view));
  }
  Forget();
  const Digest now = AppliedDigest(policy);
  const bool nothing_yet = !applied_ && policy.emergency.empty() && policy.delegates.empty();
  if (!nothing_yet && applied_ != now) {
    ++revision_;
    applied_ = now;
  }
  policy.revision = revision_;
  return views;
}

EmergencyView EmergencyState::Stand(const SignedStatement& statement, const Policy& policy,
                                    Time now) {
  Seen& seen = Remember(statement, now);
  if (seen.digest != statement.digest) {
    EmergencyView view{.statement = statement.what, .why = {}};
    view.why = Invalid(statement.what.id + ": another statement had this id");
    return view;
  }
  return statement.what.kind == EmergencyKind::kRevoke
             ? StandRevoke(statement, policy, seen)
             : StandForATime(statement, policy, seen, now);
}

// A revocation that was in force stays so while it is listed, by however few it is signed then.
EmergencyView EmergencyState::StandRevoke(const SignedStatement& statement, const Policy& policy,
                                          Seen& seen) {
  EmergencyView view{.statement = statement.what, .why = {}};
  const std::size_t wide = NeededWide(threshold_);
  if (!seen.accepted && signers_ < wide && NeedsWide(policy, statement.what.pin.digest)) {
    view.why =
        Invalid(statement.what.id + ": it leaves a rule without a pin, so " + std::to_string(wide) +
                " have to sign, and " + std::to_string(signers_) + " did");
    return view;
  }
  seen.accepted = true;
  view.standing = EmergencyStanding::kInForce;
  return view;
}

EmergencyView EmergencyState::StandForATime(const SignedStatement& statement, const Policy& policy,
                                            Seen& seen, Time now) {
  EmergencyView view{.statement = statement.what, .why = {}};
  const Time ends = *statement.what.until;
  std::erase_if(view.statement.rules, [&](const RuleName& name) {
    return std::none_of(policy.hosts.begin(), policy.hosts.end(),
                        [&](const HostRule& rule) { return Names(name, rule); });
  });
  if (view.statement.rules.empty()) {
    view.why = Invalid(statement.what.id + ": the policy has none of its rules");
    return view;
  }
  // From first sight as long as it may last, or until its end, whichever comes first.
  const std::int64_t longest =
      std::min(LongestOf(statement.what.kind), ends.unix_seconds - seen.first.unix_seconds);
  const std::int64_t left = longest - seen.spent;
  if (left <= 0 || now >= ends) seen.over = true;
  if (seen.over) {
    view.standing = EmergencyStanding::kOver;
    return view;
  }
  if (now < statement.begins) {
    view.standing = EmergencyStanding::kWaits;
    return view;
  }
  const Time until = std::min(ends, Time{now.unix_seconds + left});
  if (!seen.until || until.unix_seconds < seen.until->unix_seconds - kClockNoise) {
    seen.until = until;
  }
  if (now >= *seen.until) {
    seen.over = true;
    view.standing = EmergencyStanding::kOver;
    return view;
  }
  view.statement.until = seen.until;
  view.standing = EmergencyStanding::kInForce;
  return view;
}

std::vector<JsonObject> EmergencyState::News(const std::vector<EmergencyView>& views) {
  std::vector<JsonObject> news;
  std::vector<JsonObject> standing;
  for (const EmergencyView& view : views) {
    JsonObject event{{"event", {"emergency_" + std::string(NameOf(view.standing))}},
                     {"id", {view.statement.id}},
                     {"reason", {view.statement.reason}},
                     {"ticket", {view.statement.ticket}}};
    if (view.statement.until) event.Set("until", {FormatTime(*view.statement.until)});
    if (view.why) event.Set("why", {view.why->message});
    const bool told = std::any_of(told_.begin(), told_.end(), [&](const JsonObject& before) {
      return TextOf(before, "id") == view.statement.id &&
             TextOf(before, "event") == TextOf(event, "event");
    });
    if (!told) news.push_back(event);
    standing.push_back(std::move(event));
  }
  for (JsonObject& before : told_) {
    const bool listed = std::any_of(standing.begin(), standing.end(), [&](const JsonObject& now) {
      return TextOf(now, "id") == TextOf(before, "id");
    });
    const std::string event = TextOf(before, "event");
    if (listed || (event != "emergency_in_force" && event != "emergency_waits")) continue;
    before.Set("event", {std::string("emergency_taken_back")});
    news.push_back(std::move(before));
  }
  told_ = std::move(standing);
  return news;
}

std::string EmergencyState::Write() const {
  JsonArray seen;
  for (const Seen& one : seen_) {
    JsonObject object{{"id", {one.id}},
                      {"digest", {EncodeHex(one.digest.bytes)}},
                      {"first", {one.first.unix_seconds}},
                      {"spent", {one.spent}},
                      {"over", {one.over}},
                      {"accepted", {one.accepted}}};
    if (one.until) object.Set("until", {one.until->unix_seconds});
    seen.push_back({std::move(object)});
  }
  JsonObject state{{"content", {content_}},
                   {"signers", {static_cast<std::int64_t>(signers_)}},
                   {"threshold", {static_cast<std::int64_t>(threshold_)}},
                   {"revision", {static_cast<std::int64_t>(revision_)}},
                   {"seen", {std::move(seen)}}};
  JsonArray told;
  for (const JsonObject& one : told_) told.push_back({one});
  state.Set("told", {std::move(told)});
  if (applied_) state.Set("applied", {EncodeHex(applied_->bytes)});
  if (last_) {
    state.Set("last", {JsonObject{{"wall", {last_->wall.unix_seconds}},
                                  {"boot_id", {last_->boot_id}},
                                  {"since_boot", {last_->since_boot}}}});
  }
  return WriteJson({std::move(state)}) + "\n";
}

Result<EmergencyState> EmergencyState::Read(std::string_view text) {
  const Result<JsonValue> parsed = ParseJson(text);
  if (!parsed) return Error{Code::kUpdateStateInvalid, parsed.error().message};
  FieldReader reader;
  EmergencyState state;
  const JsonObject* object = reader.AsObject(*parsed, "the state");
  state.content_ = reader.Text(object, "content");
  state.signers_ = static_cast<std::size_t>(reader.Integer(object, "signers", 0));
  state.threshold_ = static_cast<std::size_t>(reader.Integer(object, "threshold", 0));
  state.revision_ = static_cast<std::uint64_t>(reader.Integer(object, "revision", 0));
  for (const JsonValue& value : *reader.Array(object, "seen")) {
    const JsonObject* one = reader.AsObject(value, "seen");
    Seen seen;
    seen.id = reader.Text(one, "id");
    seen.digest = DigestOf(reader, one, "digest");
    seen.first = Time{reader.Integer(one, "first", kLeastTime)};
    seen.spent = reader.Integer(one, "spent", 0);
    seen.over = reader.Boolean(one, "over");
    seen.accepted = reader.Boolean(one, "accepted");
    if (one != nullptr && one->Find("until") != nullptr) {
      seen.until = Time{reader.Integer(one, "until", kLeastTime)};
    }
    state.seen_.push_back(std::move(seen));
  }
  for (const JsonValue& value : *reader.Array(object, "told")) {
    if (const JsonObject* one = reader.AsObject(value, "told")) state.told_.push_back(*one);
  }
  if (object != nullptr && object->Find("applied") != nullptr) {
    state.applied_ = DigestOf(reader, object, "applied");
  }
  if (object != nullptr && object->Find("last") != nullptr) {
    const JsonObject* last = reader.Object(object, "last");
    state.last_ = Clocks{Time{reader.Integer(last, "wall", kLeastTime)},
                         reader.Text(last, "boot_id"), reader.Integer(last, "since_boot", 0)};
  }
  if (!reader.failed() && !state.content_.empty()) {
    Result<EmergencyFile> file = ReadEmergencyFile(state.content_);
    if (!file) return Error{Code::kUpdateStateInvalid, file.error().message};
    state.file_ = *std::move(file);
  }
  if (reader.failed()) return Error{Code::kUpdateStateInvalid, reader.issue()};
  return state;
}

}  // namespace cotter::update
