// SPDX-License-Identifier: Apache-2.0
//
// One request on the wire: libcurl's handle is told everything about it here, and hands back what
// arrives. Of the driving thread.
#pragma once

#include <memory>

#include "client/curl_library.h"
#include "client/transfer.h"

namespace cotter::client {

// Lists is what a client's handles share, and borrow.
struct Lists {
  CurlListPtr resolve;
  CurlListPtr connect;
  CurlListPtr plain_headers;  // of a GET without headers of the caller's
};

// MakeEasy makes a handle with everything that is the same for each hop of a client. `cookies` may
// be null. Null where there is no memory or libcurl refuses an option: without each of them the
// handle would not be safe.
[[nodiscard]] std::unique_ptr<Easy> MakeEasy(const Settings& settings, const Lists& lists,
                                             CURLSH* cookies);

// ConfigureHop tells `transfer`'s handle all that belongs to this hop, so that nothing of an
// earlier one stays. Fails with kInternal where libcurl refuses an option.
[[nodiscard]] Result<void> ConfigureHop(Transfer& transfer, const Settings& settings);

// PeerOf is "ADDRESS:PORT" that the handle's connection goes to, or empty. Allocates.
[[nodiscard]] std::string PeerOf(CURL* easy);

// PeerText writes an address and a port as one. Allocates.
[[nodiscard]] std::string PeerText(std::string_view address, long port);

}  // namespace cotter::client
