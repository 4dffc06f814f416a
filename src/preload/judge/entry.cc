// SPDX-License-Identifier: Apache-2.0
//
// How the thin half comes by the judge.
#include <memory>
#include <new>
#include <string>

#include "preload/judge/audit.h"
#include "preload/judge/gated_bio.h"
#include "preload/judge/gnutls_judge.h"
#include "preload/judge/openssl_judge.h"
#include "preload/judge/state.h"

namespace cotter::preload {
namespace {

// Room for the state, which is never destroyed.
alignas(State) unsigned char room[sizeof(State)];
const State* state = nullptr;

// RefuseForeign tells of a connection of a library that is not known.
void RefuseForeign(const char* why) noexcept {
  try {
    TellUndecidable(why, {}, Action::kRefused);
  } catch (...) {
    return;  // nothing could be told, and nothing passes
  }
}

const Judge* Start(const Settings& settings, const Services& services) {
  static constexpr Judge kJudge = {
      .verify =
          [](x509_store_ctx_st* context, ProgramVerify own, void* argument) {
            return VerifyOpenssl(context, own, argument, Verifier::kOpenssl);
          },
      .remember_verify = RememberVerify,
      .verify_remembered = VerifyRemembered,
      .note_directory = NoteDirectory,
      .may_offer = MayOffer,
      .is_open = IsOpen,
      .begin = Begin,
      .confirm = Confirm,
      .gate_bio = GateBio,
      .gnutls_begin = BeginGnutls,
      .gnutls_end = EndGnutls,
      .gnutls_name = NameGnutls,
      .gnutls_hook = HookGnutls,
      .gnutls_handshake = HandshakeGnutls,
      .refuse = [](const char* why) { RefuseForeign(why); },
  };
  // Nobody else maps the image for writing: the thin half has looked at its owner and mode.
  Result<PolicyIndex> policy =
      PolicyIndex::Open(ByteView(settings.image, settings.image_size), nullptr);
  if (!policy) {
    const std::string line = "cotter: error: exec: " + policy.error().message;
    services.say(line.data(), line.size());
    return nullptr;
  }
  state = std::construct_at(reinterpret_cast<State*>(room),
                            State{settings, services, *std::move(policy)});
  return &kJudge;
}

}  // namespace

const State& TheState() noexcept { return *state; }

}  // namespace cotter::preload

extern "C" __attribute__((visibility("default"))) const cotter::preload::Judge*
cotter_preload_judge(const cotter::preload::Settings* settings,
                     const cotter::preload::Services* services) {
  try {
    return cotter::preload::Start(*settings, *services);
  } catch (...) {
    return nullptr;
  }
}
