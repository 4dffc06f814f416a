// SPDX-License-Identifier: Apache-2.0
#include "base/idna.h"

#include <cstdlib>
#include <memory>

#include <idn2.h>

namespace cotter::base {
namespace {

struct FreeIdn2 {
  void operator()(char* text) const noexcept { idn2_free(text); }
};

class Libidn2Mapper final : public IdnaMapper {
 public:
  [[nodiscard]] Result<std::string> ToAscii(std::string_view utf8) const override {
    const std::string input(utf8);  // libidn2 wants a terminated string
    char* raw = nullptr;
    const int status = idn2_to_ascii_8z(input.c_str(), &raw, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    const std::unique_ptr<char, FreeIdn2> output(raw);
    if (status != IDN2_OK) {
      return Error{Code::kHostInvalid,
                   std::string("not an international host name: ") + idn2_strerror(status)};
    }
    return std::string(output.get());
  }
};

}  // namespace

const IdnaMapper& Idna() noexcept {
  static const Libidn2Mapper mapper;
  return mapper;
}

}  // namespace cotter::base
