// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "base/sha256.h"
#include "report/https_url.h"
#include "report/random.h"
#include "report/spool_folder.h"
#include "report/spool_record.h"
#include "report/text.h"
#include <cotter/report_spool.h>

namespace cotter::report {
namespace {

constexpr std::int64_t kDay = 86'400;

// A server may put us off by this at most: it could be somebody else's server that answered once.
constexpr std::int64_t kLongestPause = 7 * kDay;

// A record without new failures is forgotten after this: its full report is no longer a duplicate.
constexpr std::int64_t kForgetAfter = 2 * kDay;

constexpr std::string_view kContentType = "application/json";

struct Entry {
  SpoolRecord record;
  std::size_t size = 0;  // of its file
};

class DiskSpool final : public Spool {
 public:
  DiskSpool(SpoolOptions options, std::string report_host, SpoolFolder folder)
      : options_(std::move(options)),
        report_host_(std::move(report_host)),
        folder_(std::move(folder)) {
    options_.random = OrSystemRandom(std::move(options_.random));
  }

  // Load reads what an earlier process left.
  Result<void> Load() {
    if (folder_.Holds(kStateKey)) {
      const Result<std::string> text = folder_.Read(kStateKey);
      Result<SpoolState> state = text ? ParseState(*text) : Result<SpoolState>(text.error());
      if (!state) Log("event=spool_file_broken file=state");
      if (state) state_ = *state;
    }
    if (state_.salt == Digest{}) {
      std::string bits;
      for (int i = 0; i < 4; ++i) bits += std::to_string(options_.random()) + " ";
      state_.salt = base::Sha256(AsBytes(bits));
      if (auto written = folder_.Write(kStateKey, FormatState(state_)); !written) return written;
    }
    for (const std::string& key : folder_.Keys()) LoadRecord(key);
    const std::vector<std::string> dropped = KeepWithinBounds("");
    for (const std::string& line : dropped) Log(line);
    return Ok();
  }

  void Tell(const ViolationEvent& event) noexcept override {
    try {
      std::vector<std::string> lines;
      std::function<void()> wake;
      {
        const std::lock_guard lock(mutex_);
        lines = Take(event);
        wake = wake_;
      }
      for (const std::string& line : lines) Log(line);
      if (wake) wake();
    } catch (...) {
      return;  // a sink can change nothing
    }
  }

  std::optional<Time> NextDue() const override {
    const std::lock_guard lock(mutex_);
    if (state_.stopped != 0) return std::nullopt;
    std::optional<Time> next;
    for (const auto& [key, entry] : records_) {
      if (entry.record.count == 0) continue;
      const Time due = std::max(entry.record.due, state_.paused_until);
      if (!next || due < *next) next = due;
    }
    return next;
  }

  void Deliver(const PostFunction& post, Time now) override {
    const std::lock_guard one_at_a_time(delivery_);
    while (std::optional<std::string> key = NextKey(now)) {
      if (!Send(*key, post, now)) return;
    }
  }

  void OnWork(std::function<void()> wake) override {
    const std::lock_guard lock(mutex_);
    wake_ = std::move(wake);
  }

  std::size_t Records() const override {
    const std::lock_guard lock(mutex_);
    return records_.size();
  }

  std::uint64_t Dropped() const override {
    const std::lock_guard lock(mutex_);
    return state_.dropped;
  }

 private:
  // Log is called without the lock: what it calls may tell us of another violation.
  void Log(const std::string& line) const noexcept {
    try {
      if (options_.log) options_.log(line);
    } catch (...) {
      return;
    }
  }

  void LoadRecord(const std::string& key) {
    const Result<std::string> text = folder_.Read(key);
    Result<SpoolRecord> record = text ? ParseRecord(*text) : Result<SpoolRecord>(text.error());
    if (!record || KeyOf(*record) != key) {
      folder_.Remove(key);
      Log("event=spool_file_broken file=" + key);
      return;
    }
    records_[key] = Entry{std::move(record).value(), text->size()};
  }

  // Take counts `event`; what it returns is for the log.
  std::vector<std::string> Take(const ViolationEvent& event) {
    if (state_.stopped != 0) return {};
    if (event.host == report_host_) {
      return {
          "event=report_not_spooled msg=\"the report server itself is failing its pins\" host=" +
          Quoted(event.host)};
    }
    SpoolRecord fresh = MakeRecord(event);
    const std::string key = KeyOf(fresh);
    const auto known = records_.find(key);
    if (known != records_.end()) {
      Count(known->second.record, fresh.last);
      return {};
    }
    if (!IsSampled(key)) return {};
    fresh.due.unix_seconds += Jitter(options_.random, Delay(0));
    records_[key] = Entry{std::move(fresh), 0};
    std::vector<std::string> lines = KeepWithinBounds(key);
    if (auto line = Save(key)) lines.push_back(*line);
    return lines;
  }

  // Count is in memory alone: the file has the count when it is next sent. A handshake does not
  // wait for the disk twice a day.
  void Count(SpoolRecord& record, Time time) {
    if (record.count == 0) {
      record.first = time;
      record.due = Time{time.unix_seconds + Jitter(options_.random, Delay(record.step))};
    }
    if (record.count != UINT64_MAX) ++record.count;
    record.last = std::max(record.last, time);
  }

  // IsSampled decides once and for all whether this client reports failures of `key`.
  bool IsSampled(const std::string& key) const {
    if (options_.sampling_fraction >= 1.0) return true;
    const Digest digest = base::Sha256(AsBytes(EncodeHex(state_.salt.bytes) + key));
    std::uint32_t draw = 0;
    std::memcpy(&draw, digest.bytes.data(), sizeof draw);
    return static_cast<double>(draw) < options_.sampling_fraction * 4294967296.0;
  }

  // Save writes the record's file; what it returns is for the log.
  std::optional<std::string> Save(const std::string& key) {
    const auto found = records_.find(key);
    if (found == records_.end()) return std::nullopt;
    const std::string text = FormatRecord(found->second.record);
    found->second.size = text.size();
    const Result<void> written = folder_.Write(key, text);
    if (written) return std::nullopt;
    return "event=spool_failed msg=" + Quoted(written.error().message);
  }

  // KeepWithinBounds drops the oldest records, but not that of `keep`.
  std::vector<std::string> KeepWithinBounds(std::string_view keep) {
    std::vector<std::string> lines;
    while (records_.size() > kMaxSpoolRecords || TotalSize() > kMaxSpoolBytes) {
      auto oldest = records_.end();
      for (auto entry = records_.begin(); entry != records_.end(); ++entry) {
        if (entry->first == keep) continue;
        if (oldest == records_.end() || entry->second.record.last < oldest->second.record.last) {
          oldest = entry;
        }
      }
      if (oldest == records_.end()) break;
      state_.dropped += oldest->second.record.count;
      lines.push_back("event=report_dropped msg=\"the spool is full\" host=" +
                      Quoted(oldest->second.record.host) +
                      " count=" + std::to_string(oldest->second.record.count));
      folder_.Remove(oldest->first);
      records_.erase(oldest);
    }
    if (!lines.empty()) SaveState(lines);
    return lines;
  }

  std::size_t TotalSize() const {
    std::size_t total = 0;
    for (const auto& [key, entry] : records_) {
      total += entry.size != 0 ? entry.size : FormatRecord(entry.record).size();
    }
    return total;
  }

  void SaveState(std::vector<std::string>& lines) const {
    const Result<void> written = folder_.Write(kStateKey, FormatState(state_));
    if (!written) lines.push_back("event=spool_failed msg=" + Quoted(written.error().message));
  }

  // NextKey is a record that is due, nullopt where there is none. Records that are of no more use
  // go.
  std::optional<std::string> NextKey(Time now) {
    const std::lock_guard lock(mutex_);
    if (state_.stopped != 0) return std::nullopt;
    if (state_.paused_until.unix_seconds - now.unix_seconds > kLongestPause) {
      state_.paused_until = now;  // the clock was set back
    }
    if (now < state_.paused_until) return std::nullopt;
    std::optional<std::string> next;
    for (auto entry = records_.begin(); entry != records_.end();) {
      SpoolRecord& record = entry->second.record;
      if (record.count == 0 && now.unix_seconds - record.last.unix_seconds > kForgetAfter) {
        folder_.Remove(entry->first);
        entry = records_.erase(entry);
        continue;
      }
      if (record.due.unix_seconds - now.unix_seconds > kDay) record.due = now;
      if (!next && record.count != 0 && record.due <= now) next = entry->first;
      ++entry;
    }
    return next;
  }

  // Send posts the record of `key`, and reports whether the next one may be sent too.
  bool Send(const std::string& key, const PostFunction& post, Time now) {
    PostRequest request{options_.report_url, std::string(kContentType), {}};
    SpoolRecord sent;
    bool full = false;
    {
      const std::lock_guard lock(mutex_);
      const auto found = records_.find(key);
      if (found == records_.end()) return true;
      sent = found->second.record;
      full = !sent.reported || now.unix_seconds - sent.reported->unix_seconds >= kDay ||
             now < *sent.reported;
    }
    request.body = full ? FullReport(sent, options_.sampling_fraction)
                        : CountReport(sent, options_.sampling_fraction);
    const Result<PostReply> reply = Post(post, request);
    std::vector<std::string> lines;
    bool go_on = false;
    {
      const std::lock_guard lock(mutex_);
      go_on = Settle(key, sent, full, reply, now, lines);
    }
    for (const std::string& line : lines) Log(line);
    return go_on;
  }

  static Result<PostReply> Post(const PostFunction& post, const PostRequest& request) {
    try {
      if (post) return post(request);
      return Error{Code::kUsage, "there is nothing to send with"};
    } catch (...) {
      return Error{Code::kInternal, "sending threw an exception"};
    }
  }

  // Settle notes what became of a sending; `lines` is for the log.
  bool Settle(const std::string& key, const SpoolRecord& sent, bool full,
              const Result<PostReply>& reply, Time now, std::vector<std::string>& lines) {
    if (reply && reply->status == 410) {
      for (const auto& [gone, entry] : records_) folder_.Remove(gone);
      records_.clear();
      state_.stopped = 1;
      SaveState(lines);
      lines.emplace_back("event=reporting_ended msg=\"the report server wants no more (410)\"");
      return false;
    }
    const auto found = records_.find(key);
    const bool accepted = reply && reply->status >= 200 && reply->status < 300;
    if (!accepted) lines.push_back(FailureLine(sent, reply));
    if (reply && (reply->status == 429 || reply->status == 503) && reply->retry_after_seconds) {
      const std::int64_t wait =
          std::clamp<std::int64_t>(*reply->retry_after_seconds, 1, kLongestPause);
      state_.paused_until = Time{now.unix_seconds + wait};
      SaveState(lines);
      return false;
    }
    if (found == records_.end()) return true;
    SpoolRecord& record = found->second.record;
    if (accepted) {
      record.count -= std::min(record.count, sent.count);
      record.first = record.last;
      record.chain.clear();  // they were reported once; counts do not need them
      record.validated.clear();
      if (full) record.reported = now;
    }
    record.step = std::min(record.step + 1, kLastStep);
    record.due = Time{now.unix_seconds + 1 + Jitter(options_.random, Delay(record.step) - 1)};
    if (auto line = Save(key)) lines.push_back(*line);
    // Where no answer came at all, the next record would wait for the same time-out.
    return reply.has_value();
  }

  // S1-35: that a report could not be sent is itself told.
  std::string FailureLine(const SpoolRecord& sent, const Result<PostReply>& reply) const {
    std::string line = "event=report_failed host=" + Quoted(sent.host) +
                       " to=" + Quoted(OriginOf(options_.report_url));
    if (reply) return line + " status=" + std::to_string(reply->status);
    return line + " code=" + std::string(NameOf(reply.error().code)) +
           " msg=" + Quoted(reply.error().message);
  }

  SpoolOptions options_;
  std::string report_host_;
  SpoolFolder folder_;
  std::mutex delivery_;  // held while Deliver runs; taken before mutex_
  mutable std::mutex mutex_;
  std::function<void()> wake_;
  SpoolState state_;
  std::map<std::string, Entry, std::less<>> records_;
};

}  // namespace

Result<std::shared_ptr<Spool>> OpenSpool(SpoolOptions options) {
  Result<std::string> host = HttpsHost(options.report_url);
  if (!host) return std::move(host).error();
  const double fraction = options.sampling_fraction;
  if (!(fraction >= 0.0 && fraction <= 1.0)) {
    return Error{Code::kUsage, "a sampling fraction is from 0 to 1"};
  }
  Result<SpoolFolder> folder = SpoolFolder::Open(options.directory);
  if (!folder) return std::move(folder).error();
  auto spool = std::make_shared<DiskSpool>(std::move(options), std::move(host).value(),
                                           std::move(folder).value());
  if (auto loaded = spool->Load(); !loaded) return std::move(loaded).error();
  return std::shared_ptr<Spool>(std::move(spool));
}

}  // namespace cotter::report
