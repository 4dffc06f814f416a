// SPDX-License-Identifier: Apache-2.0
//
// What programs set on an SSL themselves: a client certificate, a session of an earlier time, and
// what a careless one tries.
#pragma once

#include "tests/attacks/doors/door.h"

struct ssl_st;

namespace cotter::attacks {

// BeCarelessBefore asks for anonymous suites or an external PSK where the request says so; before
// the enforcer is attached.
void BeCarelessBefore(ssl_st* ssl, const GetRequest& request);

// OfferSession sets the session of the request's file on `ssl`, if it names one.
void OfferSession(ssl_st* ssl, const GetRequest& request);

// SaveSession writes the session of `ssl` to the file that the request names, if it names one.
void SaveSession(ssl_st* ssl, const GetRequest& request);

// OfferCertificate gives `ssl` the client certificate of the request, if it has one.
void OfferCertificate(ssl_st* ssl, const GetRequest& request);

}  // namespace cotter::attacks
