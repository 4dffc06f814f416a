// SPDX-License-Identifier: Apache-2.0
#include "cli/get_body.h"

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include <system_error>
#include <unistd.h>

#include "cli/safe_text.h"

namespace cotter::cli {
namespace {

constexpr std::uint64_t kBarWidth = 40;
constexpr std::uint64_t kStepOfUnknown = std::uint64_t{256} << 10;

// WriteTo returns 0, or the errno that ended it.
int WriteTo(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

}  // namespace

Result<BodyPlace> BodyPlace::Open(Kind kind, const std::string& path) {
  if (kind != Kind::kFile) return BodyPlace(kind, std::nullopt);
  Result<base::AtomicFile> file = base::AtomicFile::Open(path);
  if (!file) return file.error();
  return BodyPlace(kind, *std::move(file));
}

bool BodyPlace::Take(ByteView bytes) {
  if (kind_ == Kind::kNowhere) return true;
  if (file_) {
    Result<void> written = file_->Write(bytes);
    if (!written) fault_ = std::move(written).error();
    return !fault_;
  }
  std::string safe;
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  if (terminal) AppendSafe(safe, AsText(bytes), LineBreaks::kKeep);
  const int error = WriteTo(STDOUT_FILENO, terminal ? std::string_view(safe) : AsText(bytes));
  if (error == EPIPE) {
    reader_gone_ = true;
  } else if (error != 0) {
    fault_ = Error{Code::kFileUnreadable,
                   "standard output cannot be written: " + std::generic_category().message(error)};
  }
  return error == 0;
}

Result<void> BodyPlace::Finish() { return file_ ? file_->Commit() : Ok(); }

ProgressBar::ProgressBar(BodyPlace::Kind body) noexcept
    : shown_(::isatty(STDERR_FILENO) == 1 &&
             (body != BodyPlace::Kind::kStandardOutput || ::isatty(STDOUT_FILENO) == 0)) {}

ProgressBar::~ProgressBar() {
  if (drawn_) static_cast<void>(WriteTo(STDERR_FILENO, "\r\x1b[K"));
}

void ProgressBar::Draw(const client::Progress& progress) {
  const bool sends = progress.to_send > 0 && progress.sent < progress.to_send;
  const std::uint64_t done = sends ? progress.sent : progress.received;
  const std::uint64_t total = sends ? progress.to_send : progress.to_receive;
  if (done == 0) return;
  std::string line = "\r";
  if (total > 0) {
    const std::uint64_t step = std::min<std::uint64_t>(
        kBarWidth, static_cast<std::uint64_t>(static_cast<double>(done) /
                                              static_cast<double>(total) * double{kBarWidth}));
    if (drawn_ && step == last_step_) return;
    last_step_ = step;
    line.append("[").append(step, '=').append(kBarWidth - step, ' ').append("] ");
  } else {
    if (drawn_ && done / kStepOfUnknown == last_step_) return;
    last_step_ = done / kStepOfUnknown;
  }
  line.append(std::to_string(done >> 10)).append(" KiB\x1b[K");
  drawn_ = true;
  static_cast<void>(WriteTo(STDERR_FILENO, line));
}

}  // namespace cotter::cli
