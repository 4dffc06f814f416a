// SPDX-License-Identifier: Apache-2.0
//
// Sessions that are bound to what decided about them: which are resumed, which are not, and that a
// resumed connection has its verdict like any other. libssl itself calls no verifier on resumption.
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tls/context_program.h"
#include "tls/sessions.h"

namespace cotter::tls {
namespace {

struct Kind {
  const char* name;
  lab::TlsVersion version;
  lab::Resumption resumption;
};

// Bound is a program with sessions on, whose policy and clock the test moves.
struct Bound {
  explicit Bound(std::shared_ptr<const PolicyIndex> policy)
      : source(HoldPolicy(std::move(policy))),
        program(EnforcerOptions{.policy = source,
                                .trust = Trust({"root", "rogue-root"}),
                                .now = [clock = now] { return *clock; },
                                .on_violation = {},
                                .resume = Resumption::kBound},
                KeepIn(records)) {}

  std::shared_ptr<HeldPolicy> source;
  std::shared_ptr<Time> now = std::make_shared<Time>(Time{std::time(nullptr)});
  Records records;
  ContextProgram program;
};

class SessionTest : public testing::TestWithParam<Kind> {
 protected:
  [[nodiscard]] static lab::Server Genuine(const std::string& identity = "leaf") {
    lab::ServerOptions options;
    options.identities = {World().Get(identity)};
    options.min_version = GetParam().version;
    options.max_version = GetParam().version;
    options.resumption = GetParam().resumption;
    return StartServer(std::move(options));
  }
};

INSTANTIATE_TEST_SUITE_P(
    Kinds, SessionTest,
    testing::Values(Kind{"Tls12Ticket", lab::TlsVersion::kTls12, lab::Resumption::kTickets},
                    Kind{"Tls12Id", lab::TlsVersion::kTls12, lab::Resumption::kSessionIds},
                    Kind{"Tls13Ticket", lab::TlsVersion::kTls13, lab::Resumption::kTickets},
                    Kind{"Tls13Stateful", lab::TlsVersion::kTls13, lab::Resumption::kSessionIds}),
    [](const auto& each) { return std::string(each.param.name); });

// The same rule, with a word for every other host.
std::shared_ptr<const PolicyIndex> WithOtherHost(const std::string& pinned,
                                                 std::vector<Digest> revoked = {}) {
  Policy policy;
  policy.name = "test";
  policy.version = 2;
  Pin pin;
  pin.digest = SpkiDigest(World().Get(pinned));
  for (const char* host : {"api.example.com", "other.example.com"}) {
    HostRule rule{.pattern = HostPattern::Parse(host).value()};
    rule.pins.push_back(PolicyPin{.pin = pin, .label = {}});
    policy.hosts.push_back(std::move(rule));
  }
  policy.revoked = std::move(revoked);
  return std::make_shared<const PolicyIndex>(PolicyIndex::Build(policy).value());
}

TEST_P(SessionTest, ResumedConnectionHasAWholeRecord_S1_26) {
  const lab::Server server = Genuine();
  Bound bound(Pins({{"leaf"}}));
  for (const bool fresh : {false, false, true}) {
    if (fresh) bound.program.Renew();
    ASSERT_TRUE(bound.program.Visit(server));
  }
  ASSERT_EQ(bound.records.size(), 3U);
  EXPECT_FALSE(bound.records[0].resumed);
  for (const std::size_t i : {1U, 2U}) {
    EXPECT_TRUE(bound.records[i].resumed);
    EXPECT_EQ(bound.records[i].verdict.outcome, Outcome::kPinnedOk);
    EXPECT_EQ(bound.records[i].found, bound.records[0].found);
    EXPECT_EQ(bound.records[i].endpoint->host.text(), "api.example.com");
    EXPECT_EQ(bound.records[i].tls_version, bound.records[0].tls_version);
  }
  EXPECT_EQ(server.Record().handshakes_resumed, 2U);
}

// The stale verdict: after a change of the rule nothing is resumed, on the same context and on a
// fresh one, and the refusal comes from within the handshake.
TEST_P(SessionTest, ChangedRuleEndsResumption_S2_13_S3_10) {
  for (const bool fresh : {false, true}) {
    const lab::Server server = Genuine();
    Bound bound(Pins({{"leaf"}}));
    ASSERT_TRUE(bound.program.Visit(server));
    bound.source->Set(Pins({{"backup"}}));
    if (fresh) bound.program.Renew();
    EXPECT_FALSE(bound.program.Visit(server));
    ASSERT_EQ(bound.records.size(), 2U);
    EXPECT_FALSE(bound.records[1].resumed);
    EXPECT_EQ(bound.records[1].code, Code::kPinMismatch);
    EXPECT_EQ(server.Record().handshakes_resumed, 0U);
    EXPECT_EQ(server.Record().handshakes_completed, 1U);
  }
}

TEST_P(SessionTest, RevokedKeyEndsResumption) {
  const lab::Server server = Genuine();
  Bound bound(WithOtherHost("leaf"));
  ASSERT_TRUE(bound.program.Visit(server));
  bound.source->Set(WithOtherHost("leaf", {SpkiDigest(World().Get("intermediate"))}));
  EXPECT_FALSE(bound.program.Visit(server));
  ASSERT_EQ(bound.records.size(), 2U);
  EXPECT_EQ(bound.records[1].code, Code::kRevoked);
}

TEST_P(SessionTest, ChangeOfAnotherHostEndsNothing) {
  const lab::Server server = Genuine();
  Bound bound(Pins({{"leaf"}}));
  ASSERT_TRUE(bound.program.Visit(server));
  bound.source->Set(WithOtherHost("leaf"));
  ASSERT_TRUE(bound.program.Visit(server));
  EXPECT_TRUE(bound.records.at(1).resumed);
  EXPECT_EQ(bound.records.at(1).policy->version(), 2U);
}

// S1-26, S1-30: with sessions on, an interceptor after an allowed connection is refused inside the
// handshake and told of, on the same context and on a fresh one.
TEST_P(SessionTest, InterceptorAfterAnAllowedConnectionIsRefused_S1_26_S1_30) {
  for (const bool fresh : {false, true}) {
    const lab::Server server = Genuine();
    const lab::Server rogue = Genuine("rogue-leaf");
    Bound bound(Pins({{"leaf"}}));
    ASSERT_TRUE(bound.program.Visit(server));
    if (fresh) bound.program.Renew();
    bound.program.Open(rogue);
    EXPECT_FALSE(bound.program.Shake());
    ASSERT_EQ(bound.records.size(), 2U);
    EXPECT_EQ(bound.records[1].code, Code::kPinMismatch);
    EXPECT_FALSE(bound.program.Write());
    bound.program.Close();
    EXPECT_EQ(rogue.Record().handshakes_completed, 0U);
  }
}

SessionPtr SessionOf(ContextProgram& program, const lab::Server& server) {
  program.Open(server);
  EXPECT_TRUE(program.Shake() && program.AskOnce());
  SessionPtr session(SSL_get1_session(program.ssl()));
  program.Close();
  return session;
}

// A session that was in a file has its context, but not what its handshake showed.
TEST_P(SessionTest, SessionFromAFileIsNotOffered) {
  const lab::Server server = Genuine();
  Bound bound(Pins({{"leaf"}}));
  const SessionPtr session = SessionOf(bound.program, server);
  unsigned char* written = nullptr;
  const int size = i2d_SSL_SESSION(session.get(), &written);
  const OpensslBytesPtr owner(written);
  ASSERT_GT(size, 0);
  const unsigned char* at = written;
  const SessionPtr read(d2i_SSL_SESSION(nullptr, &at, size));
  ASSERT_NE(read, nullptr);
  Bound later(Pins({{"leaf"}}));  // another process
  later.program.Open(server);
  ASSERT_EQ(SSL_set_session(later.program.ssl(), read.get()), 1);
  EXPECT_TRUE(later.program.Shake());
  ASSERT_EQ(later.records.size(), 1U);
  EXPECT_FALSE(later.records[0].resumed);
  EXPECT_EQ(SSL_session_reused(later.program.ssl()), 0);
}

// The program may keep its sessions itself, as libcurl does.
TEST_P(SessionTest, SessionOfTheProgramIsOfferedWhereItFits) {
  const lab::Server server = Genuine();
  Bound first(Pins({{"leaf"}}));
  const SessionPtr session = SessionOf(first.program, server);
  for (const bool fits : {true, false}) {
    Bound second(Pins({{fits ? "leaf" : "root"}}));
    second.program.Open(server);
    ASSERT_EQ(SSL_set_session(second.program.ssl(), session.get()), 1);
    EXPECT_TRUE(second.program.Shake());
    ASSERT_EQ(second.records.size(), 1U);
    EXPECT_EQ(second.records[0].resumed, fits);
    second.program.Close();
  }
}

TEST_P(SessionTest, SessionEndsWithItsAgeAndWithAClockPutBack) {
  constexpr std::int64_t kHour = 3600;
  const lab::Server server = Genuine();
  Bound bound(Pins({{"leaf"}}));
  const Time start = *bound.now;
  const auto resumes = [&](std::int64_t offset) {
    *bound.now = Time{start.unix_seconds + offset};
    EXPECT_TRUE(bound.program.Visit(server));
    return bound.records.back().resumed;
  };
  EXPECT_FALSE(resumes(0));
  EXPECT_FALSE(resumes(-1));
  *bound.now = start;
  EXPECT_TRUE(resumes(kHour));
  // Sessions that came of a resumption are as old as the first handshake.
  EXPECT_TRUE(resumes(23 * kHour));
  EXPECT_FALSE(resumes(25 * kHour));
}

// The pins' end is the session's, though the rule would go on to enforce them.
TEST_P(SessionTest, SessionEndsWithThePins) {
  const lab::Server server = Genuine();
  const Time now{std::time(nullptr)};
  Policy policy;
  policy.name = "test";
  policy.version = 1;
  policy.expires = Time{now.unix_seconds + 600};
  HostRule rule{.pattern = HostPattern::Parse("api.example.com").value()};
  Pin pin;
  pin.digest = SpkiDigest(World().Get("leaf"));
  rule.pins.push_back(PolicyPin{.pin = pin, .label = {}});
  policy.hosts.push_back(rule);
  Bound bound(std::make_shared<const PolicyIndex>(PolicyIndex::Build(policy).value()));
  ASSERT_TRUE(bound.program.Visit(server));
  *bound.now = Time{now.unix_seconds + 601};
  ASSERT_TRUE(bound.program.Visit(server));
  EXPECT_FALSE(bound.records.at(1).resumed);
}

// S3-01: there is no early data, also where the program asks for it.
TEST_P(SessionTest, EarlyDataIsNeverSent_S3_01) {
  const lab::Server server = Genuine();
  Bound bound(Pins({{"leaf"}}));
  const SessionPtr session = SessionOf(bound.program, server);
  for (const bool meddled : {false, true}) {
    if (meddled) SSL_SESSION_set_max_early_data(session.get(), 16384);
    const SslPtr ssl(SSL_new(bound.program.context()));
    BIO* const sent = BIO_new(BIO_s_mem());
    BIO* const received = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(received, -1);
    SSL_set_bio(ssl.get(), received, sent);
    SSL_set_connect_state(ssl.get());
    ASSERT_EQ(SSL_set_session(ssl.get(), session.get()), 1);
    std::size_t written = 0;
    EXPECT_EQ(SSL_write_early_data(ssl.get(), kSecret.data(), kSecret.size(), &written), 0);
    (void)SSL_write_early_data(ssl.get(), kSecret.data(), kSecret.size(), &written);
    EXPECT_EQ(written, 0U);
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(sent, &bytes);
    const std::string wire(bytes, static_cast<std::size_t>(size));
    EXPECT_EQ(wire.find("secret"), std::string::npos);
    // Only handshake records (22), and the change of cipher that middleboxes want to see (20).
    for (std::size_t at = 0; at + 5 <= wire.size();) {
      EXPECT_NE(wire[at], 23);
      at += 5 + static_cast<unsigned char>(wire[at + 3]) * std::size_t{256} +
            static_cast<unsigned char>(wire[at + 4]);
    }
  }
}

void Nothing(const SSL* /*ssl*/, int /*where*/, int /*result*/) {}

// A program that takes the watch away gets full handshakes, whatever it keeps.
TEST_P(SessionTest, NothingIsResumedWithoutTheWatch) {
  const lab::Server server = Genuine();
  Bound bound(Pins({{"leaf"}}));
  const SessionPtr watched = SessionOf(bound.program, server);
  bound.program.Open(server);
  SSL_set_info_callback(bound.program.ssl(), Nothing);
  ASSERT_TRUE(bound.program.Shake() && bound.program.AskOnce());
  const SessionPtr unwatched(SSL_get1_session(bound.program.ssl()));
  bound.program.Close();
  for (SSL_SESSION* const session : {watched.get(), unwatched.get()}) {
    bound.program.Open(server);
    SSL_set_info_callback(bound.program.ssl(), Nothing);
    ASSERT_EQ(SSL_set_session(bound.program.ssl(), session), 1);
    EXPECT_FALSE(bound.program.Shake());
    bound.program.Close();
  }
  EXPECT_EQ(server.Record().handshakes_resumed, 0U);
}

TEST(SessionNoteTest, EndsWithTheCertificates) {
  const auto evidence = std::make_shared<const Evidence>(
      Evidence{.endpoint = ApiEndpoint(), .paths = {}, .not_after = Time{1000}});
  EXPECT_EQ(MakeNote(evidence, std::nullopt, Time{500}).expires, Time{1000});
}

TEST(SessionStoreTest, KeepsToItsBounds) {
  const auto evidence = std::make_shared<const Evidence>(
      Evidence{.endpoint = ApiEndpoint(), .paths = {}, .not_after = Time{1000}});
  const auto make = [&](unsigned host) {
    SessionPtr session(SSL_SESSION_new());
    Digest binding;
    binding.bytes[0] = static_cast<std::uint8_t>(host);
    binding.bytes[1] = static_cast<std::uint8_t>(host >> 8U);
    EXPECT_EQ(SSL_SESSION_set1_id_context(session.get(), binding.bytes.data(), 32), 1);
    EXPECT_EQ(SSL_SESSION_set_protocol_version(session.get(), TLS1_3_VERSION), 1);
    EXPECT_TRUE(PutNote(session.get(), MakeNote(evidence, std::nullopt, Time{1})));
    return std::pair(binding, std::move(session));
  };
  SessionStore store;
  for (unsigned host = 0; host <= kMaxSessions; ++host) store.Add(make(host).second, Time{1});
  EXPECT_EQ(store.Take(make(0).first), nullptr);
  for (std::size_t i = 0; i < kMaxSessionsPerBinding + 2; ++i) store.Add(make(7).second, Time{1});
  std::size_t taken = 0;
  while (store.Take(make(7).first) != nullptr) ++taken;
  EXPECT_EQ(taken, kMaxSessionsPerBinding);
  store.Add(make(9999).second, Time{2000});  // by now all others have ended
  EXPECT_EQ(store.Take(make(8).first), nullptr);
}

}  // namespace
}  // namespace cotter::tls
