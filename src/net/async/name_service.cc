// SPDX-License-Identifier: Apache-2.0
#include "net/async/name_service.h"

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include <ares.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/time.h>

#include "net/resolve.h"

namespace cotter::net {
namespace {

// What passes everywhere in one piece (DNS Flag Day 2020).
constexpr int kDatagramSize = 1232;

// A server that is asked for the third time in vain has had 7 seconds.
constexpr int kFirstTimeoutMs = 1000;
constexpr int kTries = 3;

// c-ares reads what is there, but one message at a time over TCP, and is told only once: it is
// asked again until nothing is left, at most this often before others get their turn.
constexpr int kReadsInARow = 16;

struct FreeAddresses {
  void operator()(ares_addrinfo* list) const noexcept { ares_freeaddrinfo(list); }
};

Result<std::vector<Address>> AddressesOf(const std::string& name, int status,
                                         const ares_addrinfo* list) {
  if (status != ARES_SUCCESS) return NoAddress(name, ares_strerror(status));
  std::vector<Address> found;
  for (const ares_addrinfo_node* node = list->nodes; node != nullptr; node = node->ai_next) {
    const std::optional<Address> address =
        Address::FromSockaddr(node->ai_addr, static_cast<socklen_t>(node->ai_addrlen));
    if (!address || std::find(found.begin(), found.end(), *address) != found.end()) continue;
    if (found.size() == kMaxAddresses) return NoAddress(name, "more than 64 addresses");
    found.push_back(*address);
  }
  if (found.empty()) return NoAddress(name, "it has no address");
  return found;
}

bool HasMore(int fd) {
  pollfd one{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&one, 1, 0) == 1 && (one.revents & POLLIN) != 0;
}

}  // namespace

class NameService::State {
 public:
  explicit State(EventLoop& loop, std::size_t most_open)
      : loop_(loop), most_open_(most_open), retry_(loop.timers(), [this] { Process(-1, -1); }) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    ending_ = true;
    if (channel_ != nullptr) ares_destroy(channel_);
  }

  Result<void> Open(const std::string& servers) {
    ares_options options{};
    options.timeout = kFirstTimeoutMs;
    options.tries = kTries;
    // Answers for large farms come in one datagram; what is larger comes by TCP.
    options.flags = ARES_FLAG_EDNS;
    options.ednspsz = kDatagramSize;
    options.sock_state_cb = OnSocket;
    options.sock_state_cb_data = this;
    const int set = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB | ARES_OPT_FLAGS |
                    ARES_OPT_EDNSPSZ;
    int status = ares_library_init(ARES_LIB_INIT_ALL);
    if (status == ARES_SUCCESS) status = ares_init_options(&channel_, &options, set);
    if (status != ARES_SUCCESS) return Error{Code::kDnsFailed, ares_strerror(status)};
    if (servers.empty()) return Ok();
    if (ares_set_servers_ports_csv(channel_, servers.c_str()) != ARES_SUCCESS) {
      return Error{Code::kUsage, "expected the addresses of name servers"};
    }
    return Ok();
  }

  void Ask(std::string name, std::uint16_t port, Family family, std::chrono::milliseconds timeout,
           Answer answer) {
    if (auto literal = ResolveLiteral(name, port, family)) {
      return TellSoon(std::move(answer), *std::move(literal));
    }
    auto made = std::make_unique<Question>(loop_.timers());
    made->name = std::move(name);
    made->port = port;
    made->family = family;
    made->timeout = timeout;
    made->answer = std::move(answer);
    waiting_.push_back(std::move(made));
    Begin();
  }

 private:
  // Question lives until c-ares has answered it, which may be after its asker was told.
  struct Question {
    explicit Question(TimerWheel& wheel) : late(wheel, [this] { owner->TellLate(*this); }) {}

    State* owner = nullptr;
    std::string name;
    std::uint16_t port = 0;
    Family family = Family::kAny;
    std::chrono::milliseconds timeout{0};
    Answer answer;  // empty once it was told
    Timer late;
  };

  // Line is one socket of c-ares.
  class Line final : public EventHandler {
   public:
    Line(State& owner, int fd) : owner_(&owner), fd_(fd) {}
    void OnReady(Readiness ready) override {
      State& owner = *owner_;
      const int fd = fd_;
      owner.Process(ready.read ? fd : -1, ready.write ? fd : -1);
      // What c-ares closes is buried, so this object is still there.
      for (int i = 0; i < kReadsInARow; ++i) {
        if (closed || !HasMore(fd)) return;
        owner.Process(fd, -1);
      }
      if (!closed) watch.AskTurn();
    }

    Watch watch;
    bool closed = false;

   private:
    State* owner_;
    int fd_;
  };

  void Begin() {
    while (open_ < most_open_ && !waiting_.empty()) {
      std::unique_ptr<Question> next = std::move(waiting_.front());
      waiting_.pop_front();
      next->owner = this;
      next->late.ArmAt(std::chrono::steady_clock::now() + next->timeout);
      ++open_;
      ares_addrinfo_hints hints{};
      hints.ai_flags = ARES_AI_NUMERICSERV | ARES_AI_NOSORT;
      hints.ai_family = FamilyNumber(next->family);
      hints.ai_socktype = SOCK_STREAM;
      const std::string port = std::to_string(next->port);
      Question* const raw = next.get();
      asked_.emplace(raw, std::move(next));
      // It may answer from /etc/hosts at once.
      ares_getaddrinfo(channel_, raw->name.c_str(), port.c_str(), &hints, OnAnswer, raw);
    }
    Rearm();
  }

  void TellLate(Question& question) {
    Answer answer = std::exchange(question.answer, nullptr);
    if (answer) {
      answer(Error{Code::kConnectTimeout, "resolving " + question.name + ": no answer in time"});
    }
  }

  static void OnAnswer(void* argument, int status, int /*timeouts*/, ares_addrinfo* raw) {
    const std::unique_ptr<ares_addrinfo, FreeAddresses> list(raw);
    Question* const question = static_cast<Question*>(argument);
    State& self = *question->owner;
    const auto at = self.asked_.find(question);
    std::unique_ptr<Question> owned = std::move(at->second);
    self.asked_.erase(at);
    if (self.ending_) return;
    --self.open_;
    owned->late.Cancel();
    if (!owned->answer) return self.BeginLater();
    // Soon, because c-ares is in the middle of something, and the asker may end this service.
    self.TellSoon(std::move(owned->answer), AddressesOf(owned->name, status, list.get()));
    self.BeginLater();
  }

  void TellSoon(Answer answer, Result<std::vector<Address>> found) {
    loop_.Later([answer = std::move(answer), found = std::move(found),
                 alive = std::weak_ptr<bool>(alive_)] {
      if (!alive.expired()) answer(found);
    });
  }

  void BeginLater() {
    if (waiting_.empty()) return;
    const std::weak_ptr<bool> alive = alive_;
    loop_.Later([this, alive] {
      if (!alive.expired()) Begin();
    });
  }

  static void OnSocket(void* argument, ares_socket_t fd, int readable, int writable) {
    State& self = *static_cast<State*>(argument);
    const auto at = self.lines_.find(fd);
    if (readable == 0 && writable == 0) {
      if (at == self.lines_.end()) return;
      at->second->closed = true;
      at->second->watch.End();
      self.loop_.Bury(std::move(at->second));
      self.lines_.erase(at);
      return;
    }
    if (at != self.lines_.end()) return;
    auto line = std::make_unique<Line>(self, fd);
    Result<Watch> watch = self.loop_.WatchFor(fd, *line);
    // Without it the question runs into its time-out.
    if (!watch) return;
    line->watch = *std::move(watch);
    self.lines_.emplace(fd, std::move(line));
  }

  void Process(int readable, int writable) {
    ares_process_fd(channel_, readable < 0 ? ARES_SOCKET_BAD : readable,
                    writable < 0 ? ARES_SOCKET_BAD : writable);
    Rearm();
  }

  // Rearm asks c-ares when it wants to try again.
  void Rearm() {
    timeval left{};
    if (ares_timeout(channel_, nullptr, &left) == nullptr) return retry_.Cancel();
    retry_.ArmAt(std::chrono::steady_clock::now() + std::chrono::seconds(left.tv_sec) +
                 std::chrono::microseconds(left.tv_usec));
  }

  EventLoop& loop_;
  std::size_t most_open_;
  std::size_t open_ = 0;
  ares_channel channel_ = nullptr;
  std::map<ares_socket_t, std::unique_ptr<Line>> lines_;
  std::map<Question*, std::unique_ptr<Question>> asked_;
  std::deque<std::unique_ptr<Question>> waiting_;
  Timer retry_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  bool ending_ = false;
};

NameService::NameService(std::unique_ptr<State> state) : state_(std::move(state)) {}
NameService::~NameService() = default;

Result<std::unique_ptr<NameService>> NameService::Create(EventLoop& loop,
                                                         const NameServiceOptions& options) {
  auto state = std::make_unique<State>(loop, std::max<std::size_t>(options.most_open, 1));
  if (const Result<void> opened = state->Open(options.servers); !opened) return opened.error();
  return std::unique_ptr<NameService>(new NameService(std::move(state)));
}

void NameService::LookUp(const std::string& name, std::uint16_t port, Family family,
                         std::chrono::milliseconds timeout, Answer answer) {
  state_->Ask(name, port, family, timeout, std::move(answer));
}

}  // namespace cotter::net
