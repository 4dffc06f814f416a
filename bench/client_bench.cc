// SPDX-License-Identifier: Apache-2.0
//
// What pins cost an HTTP request: cotter's client, and plain libcurl with the same roots and with
// the pin that it can hold (of the leaf's key, CURLOPT_PINNEDPUBLICKEY), in turn, against one
// server of another process on loopback.
//   requests   over one kept connection, wall time of pairs of batches, median of the ratios
//   handshake  a new connection each, full handshake, processor time of the client's process; ours
//              remembers the CAs' signatures of the handshakes before (docs/adr/0014)
//   unpinned   the same, and plain libcurl looks at no pin
//   memory     peak of a process that has 1,000 requests under way at once
// Each is printed as "NAME ratio X", plain over ours for the requests, ours over plain else.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <curl/curl.h>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sha256.h"
#include "lab/world.h"
#include <cotter/client.h>

namespace {

using namespace cotter;  // a program of its own

constexpr int kPairs = 101;
constexpr int kRequestsPerBatch = 200;
constexpr int kHandshakesPerBatch = 20;
constexpr int kAtOnce = 1000;
constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n";

template <typename Clock>
double Microseconds(Clock clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

double Median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
  return values[values.size() / 2];
}

// ---- the server: a thread for each connection, which answers every read of a request -----------

struct Gate {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t open = PTHREAD_COND_INITIALIZER;
  int waiting = 0;
  int needed = 1;  // requests that must have come before any is answered
};
Gate gate;

void WaitAtGate() {
  pthread_mutex_lock(&gate.mutex);
  if (++gate.waiting >= gate.needed) pthread_cond_broadcast(&gate.open);
  while (gate.waiting < gate.needed) pthread_cond_wait(&gate.open, &gate.mutex);
  pthread_mutex_unlock(&gate.mutex);
}

void* Serve(void* connection) {
  SSL* const ssl = static_cast<SSL*>(connection);
  char request[4096];
  if (SSL_accept(ssl) == 1) {
    while (SSL_read(ssl, request, sizeof request) > 0) {
      WaitAtGate();
      if (SSL_write(ssl, kResponse.data(), static_cast<int>(kResponse.size())) <= 0) break;
    }
  }
  close(SSL_get_fd(ssl));
  SSL_free(ssl);
  return nullptr;
}

X509* Parse(const lab::Certificate& certificate) {
  const unsigned char* at = certificate.der.data();
  return d2i_X509(nullptr, &at, static_cast<long>(certificate.der.size()));
}

[[noreturn]] void RunServer(int listener, const lab::Identity& identity, int needed) {
  gate.needed = needed;
  SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
  SSL_CTX_use_certificate(context, Parse(identity.certificate));
  SSL_CTX_use_PrivateKey(context, identity.key.native());
  for (const lab::Certificate& above : identity.chain)
    SSL_CTX_add0_chain_cert(context, Parse(above));
  SSL_CTX_set_num_tickets(context, 0);
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 256 << 10);
  pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
  while (true) {
    const int socket = accept(listener, nullptr, nullptr);
    if (socket < 0) _exit(1);
    const int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    SSL* const ssl = SSL_new(context);
    SSL_set_fd(ssl, socket);
    pthread_t thread{};
    pthread_create(&thread, &small, Serve, ssl);
  }
}

// Server is that server as a process.
class Server {
 public:
  Server(const lab::Identity& identity, int needed) {
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    COTTER_CHECK(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    COTTER_CHECK(listen(listener, 2 * kAtOnce) == 0);
    socklen_t size = sizeof address;
    getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
    url_ = "https://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
    process_ = fork();
    if (process_ == 0) RunServer(listener, identity, needed);
    close(listener);
  }
  ~Server() {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] const std::string& url() const { return url_; }

 private:
  std::string url_;
  pid_t process_ = 0;
};

// ---- the two clients ----------------------------------------------------------------------------

std::size_t Append(char* data, std::size_t size, std::size_t count, void* body) {
  static_cast<std::string*>(body)->append(data, size * count);
  return size * count;
}

std::size_t Count(char* /*data*/, std::size_t size, std::size_t count, void* /*lines*/) {
  return size * count;
}

// PinOf is a key's pin as libcurl writes it.
std::string PinOf(const lab::Key& key) {
  return "sha256//" + FormatPinBase64(base::Sha256(key.Spki()));
}

// `pin` may be null.
CURL* PlainHandle(const std::string& roots, const char* pin) {
  CURL* const easy = curl_easy_init();
  curl_easy_setopt(easy, CURLOPT_CAINFO, roots.c_str());
  curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  curl_easy_setopt(easy, CURLOPT_PINNEDPUBLICKEY, pin);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, Append);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, Count);
  curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
  curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "plain");
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 30'000L);
  return easy;
}

void PlainGet(CURL* easy, const std::string& url, long fresh) {
  std::string body;
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &body);
  curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, fresh);
  curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, fresh);
  COTTER_CHECK(curl_easy_perform(easy) == CURLE_OK && body == "hello\n");
}

client::Client OurClient(const lab::World& world) {
  client::Options options;
  const Digest digest = base::Sha256(world.Get("root").key.Spki());
  options.pins = {{"127.0.0.1", {FormatPin(digest)}}};
  tls::TrustOptions trust;
  trust.system_roots = tls::SystemRoots::kNone;
  trust.certificates = {world.Get("root").certificate.der};
  options.trust = tls::LoadTrustStore(trust).value();
  options.timeout = std::chrono::milliseconds(0);
  return client::Client::Create(std::move(options)).value();
}

void OurGet(const client::Client& client, const std::string& url, client::ConnectionUse use) {
  client::Request request{.url = url};
  request.connection = use;
  const Result<client::Response> response = client.Send(std::move(request));
  COTTER_CHECK(response && response->body == "hello\n");
}

// ---- what is measured ---------------------------------------------------------------------------

// InTurn is the median of b/a over pairs, each first in every other pair.
template <typename A, typename B>
double InTurn(clockid_t clock, int pairs, A a, B b, const char* name) {
  std::vector<double> ratios;
  std::vector<double> as;
  std::vector<double> bs;
  const auto time = [clock](const auto& run) {
    const double start = Microseconds(clock);
    run();
    return Microseconds(clock) - start;
  };
  for (int i = 0; i <= pairs; ++i) {
    double first = 0;
    if (i % 2 == 0) first = time(a);
    const double second = time(b);
    if (i % 2 != 0) first = time(a);
    if (i == 0) continue;  // warms up
    as.push_back(first);
    bs.push_back(second);
    ratios.push_back(second / first);
  }
  std::printf("%s: plain %.0f us, ours %.0f us a batch\n", name, Median(as), Median(bs));
  return Median(ratios);
}

long PeakOfChild(const auto& work) {
  const pid_t child = fork();
  if (child == 0) {
    work();
    _exit(0);
  }
  int status = 0;
  rusage usage{};
  COTTER_CHECK(wait4(child, &status, 0, &usage) == child && status == 0);
  return usage.ru_maxrss;
}

void PlainAtOnce(const std::string& roots, const std::string& pin, const std::string& url) {
  CURLM* const multi = curl_multi_init();
  std::vector<std::string> bodies(kAtOnce);
  std::vector<CURL*> all;
  for (std::string& body : bodies) {
    all.push_back(PlainHandle(roots, pin.c_str()));
    curl_easy_setopt(all.back(), CURLOPT_URL, url.c_str());
    curl_easy_setopt(all.back(), CURLOPT_WRITEDATA, &body);
    curl_multi_add_handle(multi, all.back());
  }
  int running = 1;
  while (running > 0) {
    curl_multi_perform(multi, &running);
    curl_multi_poll(multi, nullptr, 0, 1000, nullptr);
  }
  COTTER_CHECK(
      std::ranges::all_of(bodies, [](const std::string& body) { return body == "hello\n"; }));
}

void OursAtOnce(const client::Client& client, const std::string& url) {
  std::vector<client::Pending> all;
  for (int i = 0; i < kAtOnce; ++i) all.push_back(client.Start({.url = url}));
  for (client::Pending& one : all) {
    const Result<client::Response> response = one.Wait();
    COTTER_CHECK(response && response->body == "hello\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view only = argc > 1 ? argv[1] : "";
  const int pairs = argc > 2 ? 3 : kPairs;  // any second word: few, for a profiler
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  curl_global_init(CURL_GLOBAL_DEFAULT);
  const lab::World world = lab::World::Make({});
  char roots[] = "/tmp/cotter-bench-roots-XXXXXX";
  close(mkstemp(roots));
  std::ofstream(roots) << world.Get("root").certificate.Pem();
  const std::string pin = PinOf(world.Get("leaf").key);

  if (only.empty() || only == "memory") {
    // Before anything else: a child begins with the memory of its parent.
    const Server plain(world.Get("leaf"), kAtOnce);
    const long by_plain = PeakOfChild([&] { PlainAtOnce(roots, pin, plain.url()); });
    const Server ours(world.Get("leaf"), kAtOnce);
    const long by_ours = PeakOfChild([&] { OursAtOnce(OurClient(world), ours.url()); });
    std::printf("memory: plain %ld KiB, ours %ld KiB\n", by_plain, by_ours);
    std::printf("memory ratio %.4f\n",
                static_cast<double>(by_ours) / static_cast<double>(by_plain));
  }
  const Server server(world.Get("leaf"), 1);
  CURL* const easy = PlainHandle(roots, pin.c_str());
  const client::Client client = OurClient(world);
  if (only.empty() || only == "requests") {
    const double ratio = InTurn(
        CLOCK_MONOTONIC, pairs,
        [&] {
          for (int i = 0; i < kRequestsPerBatch; ++i) PlainGet(easy, server.url(), 0);
        },
        [&] {
          for (int i = 0; i < kRequestsPerBatch; ++i) {
            OurGet(client, server.url(), client::ConnectionUse::kShared);
          }
        },
        "requests");
    std::printf("requests ratio %.4f\n", 1 / ratio);
  }
  const auto handshakes = [&](CURL* peer, const char* name) {
    if (!only.empty() && only != name) return;
    const double ratio = InTurn(
        CLOCK_PROCESS_CPUTIME_ID, pairs,
        [&] {
          for (int i = 0; i < kHandshakesPerBatch; ++i) PlainGet(peer, server.url(), 1);
        },
        [&] {
          for (int i = 0; i < kHandshakesPerBatch; ++i) {
            OurGet(client, server.url(), client::ConnectionUse::kOwn);
          }
        },
        name);
    std::printf("%s ratio %.4f\n", name, ratio);
  };
  handshakes(easy, "handshake");
  handshakes(PlainHandle(roots, nullptr), "unpinned");
  unlink(roots);
  return 0;
}
