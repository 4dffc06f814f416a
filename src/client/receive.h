// SPDX-License-Identifier: Apache-2.0
//
// libcurl's callbacks for what comes and goes on a connection. They run on the driving thread,
// inside libcurl, get the Easy of their hop, throw nothing and call nothing of the
// caller's: what concerns him becomes mail.
#pragma once

#include <cstddef>

#include "client/curl_library.h"

namespace cotter::client {

std::size_t OnHeader(char* data, std::size_t size, std::size_t count, void* easy);
std::size_t OnBody(char* data, std::size_t size, std::size_t count, void* easy);
std::size_t OnSend(char* buffer, std::size_t size, std::size_t count, void* easy);
int OnSeek(void* easy, curl_off_t offset, int origin);
int OnProgress(void* easy, curl_off_t to_receive, curl_off_t received, curl_off_t to_send,
               curl_off_t sent);
int OnSocket(void* easy, curl_socket_t socket, curlsocktype purpose);
int OnTrace(CURL* handle, curl_infotype type, char* data, std::size_t size, void* easy);

}  // namespace cotter::client
