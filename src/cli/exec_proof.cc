// SPDX-License-Identifier: Apache-2.0
#include "cli/exec_proof.h"

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

#include "base/file.h"
#include "base/sha256.h"
#include "cli/exec_policy.h"
#include "cli/exec_start.h"
#include "lab/server.h"
#include "lab/world.h"
#include <cotter/certificate.h>

namespace cotter::cli {
namespace {

namespace fs = std::filesystem;

// A program that has not ended by then is ended: some wait for more from the server.
constexpr std::chrono::seconds kPatience{10};
constexpr int kPatienceMilliseconds = 10'000;

// Recipe is how a program of that name makes one connection.
struct Recipe {
  std::string_view program;
  std::vector<std::string_view> arguments;
  lab::Starttls starttls = lab::Starttls::kNone;
};

const std::vector<Recipe>& Recipes() {
  static const std::vector<Recipe> kRecipes = {
      {"curl", {"-sS", "--cacert", "{cacert}", "{url}"}},
      {"wget", {"-q", "-t1", "--no-hsts", "-O/dev/null", "--ca-certificate={cacert}", "{url}"}},
      {"openssl", {"s_client", "-connect", "{host}:{port}", "-CAfile", "{cacert}"}},
      {"git", {"-c", "http.sslCAInfo={cacert}", "ls-remote", "{url}"}},
      {"psql",
       {"host={host} port={port} user=x dbname=x sslmode=verify-full sslrootcert={cacert}", "-w"},
       lab::Starttls::kPostgres},
      {"redis-cli", {"-h", "{host}", "-p", "{port}", "--tls", "--cacert", "{cacert}", "PING"}},
      {"mosquitto_pub",
       {"-h", "{host}", "-p", "{port}", "--cafile", "{cacert}", "-t", "x", "-m", "x"}},
      {"python3",
       {"-c",
        "import ssl, urllib.request as u\n"
        "u.urlopen('{url}', context=ssl.create_default_context(cafile='{cacert}'))"}},
      {"perl",
       {"-MIO::Socket::SSL", "-e",
        "my $s = IO::Socket::SSL->new(PeerAddr => '{host}:{port}', SSL_ca_file => '{cacert}') or "
        "die; print $s \"GET / HTTP/1.0\\r\\n\\r\\n\""}},
      {"php",
       {"-r",
        "file_get_contents('{url}', false, stream_context_create(['ssl' => ['cafile' => "
        "'{cacert}']]));"}},
      {"node",
       {"-e",
        "require('https').get('{url}', {ca: require('fs').readFileSync('{cacert}'), agent: "
        "false}, r => r.resume())"}},
  };
  return kRecipes;
}

// Scene is a folder, two servers and a policy that one of them satisfies.
class Scene {
 public:
  static Result<Scene> Make(lab::Starttls starttls) {
    Scene scene;
    const lab::World world = lab::World::Make({});
    scene.folder_ = (fs::temp_directory_path() / "cotter-doctor-XXXXXX").string();
    if (::mkdtemp(scene.folder_.data()) == nullptr) {
      return Error{Code::kFileUnreadable, "no temporary folder"};
    }
    if (const Result<void> written = world.WriteTo(scene.folder_); !written) return written.error();
    if (const Result<void> joined = scene.JoinRoots(); !joined) return joined.error();
    const Result<ByteView> spki = FindSpki(world.Get("leaf").certificate.der);
    if (!spki) return spki.error();
    scene.pin_ = FormatPin(base::Sha256(*spki));
    for (const std::string_view name : {"leaf", "rogue-leaf"}) {
      lab::ServerOptions options;
      options.identities = {world.Get(name)};
      options.starttls = starttls;
      options.deadline = kPatience;
      Result<lab::Server> server = lab::Server::Start(std::move(options));
      if (!server) return server.error();
      scene.servers_.push_back(*std::move(server));
    }
    return scene;
  }

  ~Scene() {
    servers_.clear();
    std::error_code ignored;
    if (!folder_.empty()) fs::remove_all(folder_, ignored);
  }
  Scene(Scene&& other) noexcept
      : folder_(std::exchange(other.folder_, {})),
        pin_(std::move(other.pin_)),
        servers_(std::move(other.servers_)) {}
  Scene& operator=(Scene&&) = delete;

  [[nodiscard]] std::string File(std::string_view name) const {
    return folder_ + "/" + std::string(name);
  }
  [[nodiscard]] const lab::Server& pinned() const { return servers_[0]; }
  [[nodiscard]] const lab::Server& other() const { return servers_[1]; }

  // Policy is the path of a compiled policy that pins the first server's key.
  [[nodiscard]] Result<std::string> Policy() const {
    const std::string word = "localhost=" + pin_;
    const Result<PolicyIndex> policy = PolicyOfPins({word});
    if (!policy) return policy.error();
    const std::string path = File("policy");
    const Result<void> written = base::WriteFileAtomically(path, policy->image(), 0600);
    return written ? Result<std::string>(path) : Result<std::string>(written.error());
  }

 private:
  Scene() = default;

  // JoinRoots writes both roots into one file: the other server's certificate is trusted too.
  [[nodiscard]] Result<void> JoinRoots() const {
    Bytes both;
    for (const std::string_view name : {"root.pem", "rogue-root.pem"}) {
      const Result<base::FileImage> file = base::ReadFile(File(name));
      if (!file) return file.error();
      both.insert(both.end(), file->bytes().begin(), file->bytes().end());
    }
    return base::WriteFileAtomically(File("roots.pem"), both, 0600);
  }

  std::string folder_;
  std::string pin_;  // of the first server's key
  std::vector<lab::Server> servers_;
};

std::string Fill(std::string_view text, const Scene& scene, const lab::Server& server) {
  const std::string port = std::to_string(server.port());
  const std::array<std::pair<std::string_view, std::string>, 4> values = {
      {{"{url}", "https://localhost:" + port + "/"},
       {"{host}", "localhost"},
       {"{port}", port},
       {"{cacert}", scene.File("roots.pem")}}};
  std::string filled(text);
  for (const auto& [name, value] : values) {
    for (std::size_t at = filled.find(name); at != std::string::npos;
         at = filled.find(name, at + value.size())) {
      filled.replace(at, name.size(), value);
    }
  }
  return filled;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Wait waits for a child, and ends it when it takes too long.
void Wait(pid_t child) {
  pollfd ended{
      .fd = static_cast<int>(::syscall(SYS_pidfd_open, child, 0)), .events = POLLIN, .revents = 0};
  const int count = ended.fd < 0 ? -1 : ::poll(&ended, 1, kPatienceMilliseconds);
  if (count != 1) ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  if (ended.fd >= 0) ::close(ended.fd);
}

// RunOnce runs the program with its standard streams at /dev/null. False where it cannot be run.
bool RunOnce(const std::string& path, std::vector<std::string> words,
             const ExecSettings& settings) {
  std::vector<std::string> environment = EnvironmentOf(settings);
  // Git takes this before the file that it is given.
  std::erase_if(environment,
                [](const std::string& entry) { return entry.starts_with("GIT_SSL_CAINFO="); });
  const std::vector<char*> argument_pointers = Pointers(words);
  const std::vector<char*> environment_pointers = Pointers(environment);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    ::posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_RDWR, 0);
  }
  sigset_t defaults;
  ::sigemptyset(&defaults);
  ::sigaddset(&defaults, SIGPIPE);
  ::posix_spawnattr_setsigdefault(&attributes, &defaults);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  pid_t child = 0;
  const int error = ::posix_spawn(&child, path.c_str(), &actions, &attributes,
                                  argument_pointers.data(), environment_pointers.data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (error == 0) Wait(child);
  return error == 0;
}

Proof Judge(Proof proof, const Scene& scene) {
  const auto over = [](const lab::ServerRecord& record) {
    return record.closed == record.connections;
  };
  if (!scene.pinned().WaitFor(over, kPatience) || !scene.other().WaitFor(over, kPatience)) {
    proof.end = ProofEnd::kPinnedRefused;
    proof.detail = "the program left connections open, so nothing is shown";
    return proof;
  }
  const lab::ServerRecord pinned = scene.pinned().Record();
  const lab::ServerRecord other = scene.other().Record();
  if (other.handshakes_completed > 0 || other.application_bytes > 0) {
    proof.end = ProofEnd::kBroken;
    proof.detail = "a server without a pinned key was accepted";
  } else if (pinned.handshakes_completed == 0 || other.connections == 0) {
    proof.end = ProofEnd::kPinnedRefused;
    proof.detail = pinned.handshakes_completed == 0
                       ? "the program did not reach the pinned server, so nothing is shown"
                       : "the program did not connect to the other server, so nothing is shown";
  } else {
    proof.end = ProofEnd::kHolds;
    proof.detail =
        "the pinned server was reached, and one without a pinned key was refused in "
        "the handshake";
  }
  return proof;
}

Proof Failed(Proof proof, const Error& error) {
  proof.end = ProofEnd::kPinnedRefused;
  proof.detail = error.message;
  return proof;
}

Proof Run(const std::string& path, const std::vector<std::string>& words, lab::Starttls starttls) {
  Proof proof;
  proof.command = words;
  const Result<std::string> library = FindPreload();
  if (!library) return Failed(std::move(proof), library.error());
  const Result<Scene> scene = Scene::Make(starttls);
  if (!scene) return Failed(std::move(proof), scene.error());
  const Result<std::string> policy = scene->Policy();
  if (!policy) return Failed(std::move(proof), policy.error());
  const ExecSettings settings{.library = *library, .policy = *policy, .options = {}, .audit = {}};
  for (const lab::Server* server : {&scene->pinned(), &scene->other()}) {
    std::vector<std::string> filled;
    for (const std::string& word : words) filled.push_back(Fill(word, *scene, *server));
    if (!RunOnce(path, std::move(filled), settings)) {
      return Failed(std::move(proof), Error{Code::kFileUnreadable, "the program cannot be run"});
    }
  }
  return Judge(std::move(proof), *scene);
}

}  // namespace

Proof Prove(const std::string& path, const std::vector<std::string>& words) {
  if (words.size() > 1) return Run(path, words, lab::Starttls::kNone);
  const std::string name = fs::path(words.front()).filename().string();
  for (const Recipe& recipe : Recipes()) {
    if (recipe.program != name) continue;
    std::vector<std::string> filled = words;
    filled.insert(filled.end(), recipe.arguments.begin(), recipe.arguments.end());
    return Run(path, filled, recipe.starttls);
  }
  return {.end = ProofEnd::kNotTried,
          .detail =
              "give arguments that make it connect once: {url} or {host} and {port}, and "
              "{cacert}",
          .command = {}};
}

}  // namespace cotter::cli
