// SPDX-License-Identifier: Apache-2.0
#include "src/values.h"

namespace cotter::node {
namespace {

std::string Copy(const char* text) { return text == nullptr ? std::string() : std::string(text); }

std::vector<std::string> CopyList(const cotter_verdict* verdict, std::size_t count,
                                  const char* (*at)(const cotter_verdict*, std::size_t)) {
  std::vector<std::string> list;
  for (std::size_t i = 0; i < count; ++i) list.push_back(Copy(at(verdict, i)));
  return list;
}

}  // namespace

Facts CopyOf(const cotter_verdict* verdict) {
  Facts facts;
  facts.texts = {{"outcome", Copy(cotter_verdict_outcome_name(verdict))},
                 {"code", Copy(cotter_verdict_code(verdict))},
                 {"message", Copy(cotter_verdict_message(verdict))},
                 {"host", Copy(cotter_verdict_host(verdict))},
                 {"matchedPin", Copy(cotter_verdict_matched_pin(verdict))},
                 {"rule", Copy(cotter_verdict_rule(verdict))},
                 {"policyName", Copy(cotter_verdict_policy_name(verdict))},
                 {"tlsVersion", Copy(cotter_verdict_tls_version(verdict))},
                 {"peer", Copy(cotter_verdict_peer(verdict))}};
  facts.lists = {
      {"reasons", CopyList(verdict, cotter_verdict_reason_count(verdict), cotter_verdict_reason)},
      {"found", CopyList(verdict, cotter_verdict_found_count(verdict), cotter_verdict_found)}};
  facts.numbers = {{"port", cotter_verdict_port(verdict)},
                   {"policyVersion", static_cast<double>(cotter_verdict_policy_version(verdict))}};
  facts.flags = {{"allowed", cotter_verdict_allowed(verdict) == 1},
                 {"backupMatched", cotter_verdict_backup_matched(verdict) == 1},
                 {"resumed", cotter_verdict_resumed(verdict) == 1}};
  return facts;
}

napi_value ToObject(napi_env env, const Facts& facts) {
  napi_value object = nullptr;
  napi_create_object(env, &object);
  for (const auto& [name, text] : facts.texts) Set(env, object, name, ToText(env, text));
  for (const auto& [name, number] : facts.numbers) Set(env, object, name, ToNumber(env, number));
  for (const auto& [name, flag] : facts.flags) Set(env, object, name, ToFlag(env, flag));
  for (const auto& [name, list] : facts.lists) {
    napi_value array = nullptr;
    napi_create_array_with_length(env, list.size(), &array);
    for (std::size_t i = 0; i < list.size(); ++i) {
      napi_set_element(env, array, static_cast<std::uint32_t>(i), ToText(env, list[i]));
    }
    Set(env, object, name, array);
  }
  return object;
}

Failure TakeFailure(cotter_error* error) {
  Failure failure{Copy(cotter_error_code(error)), Copy(cotter_error_message(error)),
                  cotter_error_retryable(error) == 1};
  cotter_error_free(error);
  return failure;
}

napi_value ToError(napi_env env, const Failure& failure) {
  napi_value error = nullptr;
  napi_create_error(env, ToText(env, failure.code), ToText(env, failure.message), &error);
  Set(env, error, "retryable", ToFlag(env, failure.retryable));
  return error;
}

napi_value ToText(napi_env env, std::string_view text) {
  napi_value value = nullptr;
  napi_create_string_utf8(env, text.data(), text.size(), &value);
  return value;
}

napi_value ToNumber(napi_env env, double number) {
  napi_value value = nullptr;
  napi_create_double(env, number, &value);
  return value;
}

napi_value ToFlag(napi_env env, bool flag) {
  napi_value value = nullptr;
  napi_get_boolean(env, flag, &value);
  return value;
}

void Set(napi_env env, napi_value object, const char* name, napi_value value) {
  napi_set_named_property(env, object, name, value);
}

std::string TextOf(napi_env env, napi_value value) {
  std::size_t size = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &size) != napi_ok) return {};
  std::string text(size + 1, '\0');
  napi_get_value_string_utf8(env, value, text.data(), text.size(), &size);
  text.resize(size);
  return text;
}

std::vector<std::string> TextsOf(napi_env env, napi_value value) {
  bool is_array = false;
  std::uint32_t count = 0;
  if (napi_is_array(env, value, &is_array) != napi_ok || !is_array) return {};
  napi_get_array_length(env, value, &count);
  std::vector<std::string> texts;
  for (std::uint32_t i = 0; i < count; ++i) {
    napi_value item = nullptr;
    napi_get_element(env, value, i, &item);
    texts.push_back(TextOf(env, item));
  }
  return texts;
}

double NumberOf(napi_env env, napi_value value) {
  double number = 0;
  return napi_get_value_double(env, value, &number) == napi_ok ? number : 0;
}

std::string BytesOf(napi_env env, napi_value value) {
  bool is_buffer = false;
  void* data = nullptr;
  std::size_t size = 0;
  if (napi_is_buffer(env, value, &is_buffer) != napi_ok || !is_buffer) return {};
  napi_get_buffer_info(env, value, &data, &size);
  return {static_cast<const char*>(data), size};
}

std::vector<napi_value> ArgumentsOf(napi_env env, napi_callback_info info, std::size_t count) {
  std::vector<napi_value> arguments(count);
  napi_get_cb_info(env, info, &count, arguments.data(), nullptr, nullptr);
  return arguments;
}

}  // namespace cotter::node
