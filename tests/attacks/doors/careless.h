// SPDX-License-Identifier: Apache-2.0
//
// What programs set on an SSL themselves: a client certificate, and what a careless one tries.
#pragma once

#include "tests/attacks/doors/door.h"

struct ssl_st;

namespace cotter::attacks {

// BeCarelessBefore asks for anonymous suites or an external PSK where the request says so; before
// the enforcer is attached.
void BeCarelessBefore(ssl_st* ssl, const GetRequest& request);

// OfferCertificate gives `ssl` the client certificate of the request, if it has one.
void OfferCertificate(ssl_st* ssl, const GetRequest& request);

}  // namespace cotter::attacks
