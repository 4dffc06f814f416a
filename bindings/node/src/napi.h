// SPDX-License-Identifier: Apache-2.0
//
// The part of Node-API (version 8) that the addon uses. Its ABI is stable across Node versions, so
// declaring it here frees the build from a copy of Node's headers, which distributions package in
// different ways and which need not be there to run Node. From https://nodejs.org/api/n-api.html.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

using napi_env = struct napi_env__*;
using napi_value = struct napi_value__*;
using napi_deferred = struct napi_deferred__*;
using napi_ref = struct napi_ref__*;
using napi_callback_info = struct napi_callback_info__*;
using napi_threadsafe_function = struct napi_threadsafe_function__*;
using napi_callback = napi_value (*)(napi_env env, napi_callback_info info);
using napi_finalize = void (*)(napi_env env, void* data, void* hint);
using napi_threadsafe_function_call_js = void (*)(napi_env env, napi_value callback, void* context,
                                                  void* data);

enum napi_status : int { napi_ok = 0 };
inline constexpr int napi_tsfn_nonblocking = 0;
enum napi_valuetype : int { napi_undefined = 0, napi_null = 1, napi_function = 7 };

napi_status napi_get_undefined(napi_env env, napi_value* result);
napi_status napi_get_null(napi_env env, napi_value* result);
napi_status napi_get_boolean(napi_env env, bool value, napi_value* result);
napi_status napi_create_object(napi_env env, napi_value* result);
napi_status napi_create_array_with_length(napi_env env, std::size_t length, napi_value* result);
napi_status napi_create_double(napi_env env, double value, napi_value* result);
napi_status napi_create_string_utf8(napi_env env, const char* text, std::size_t length,
                                    napi_value* result);
napi_status napi_create_buffer_copy(napi_env env, std::size_t length, const void* data, void** copy,
                                    napi_value* result);
napi_status napi_create_function(napi_env env, const char* name, std::size_t length,
                                 napi_callback callback, void* data, napi_value* result);
napi_status napi_create_error(napi_env env, napi_value code, napi_value message,
                              napi_value* result);
napi_status napi_create_external(napi_env env, void* data, napi_finalize finalize, void* hint,
                                 napi_value* result);
napi_status napi_typeof(napi_env env, napi_value value, napi_valuetype* result);
napi_status napi_get_value_double(napi_env env, napi_value value, double* result);
napi_status napi_get_value_string_utf8(napi_env env, napi_value value, char* buffer,
                                       std::size_t size, std::size_t* result);
napi_status napi_get_value_external(napi_env env, napi_value value, void** result);
napi_status napi_get_array_length(napi_env env, napi_value value, std::uint32_t* result);
napi_status napi_get_element(napi_env env, napi_value object, std::uint32_t index,
                             napi_value* result);
napi_status napi_set_element(napi_env env, napi_value object, std::uint32_t index,
                             napi_value value);
napi_status napi_set_named_property(napi_env env, napi_value object, const char* name,
                                    napi_value value);
napi_status napi_is_array(napi_env env, napi_value value, bool* result);
napi_status napi_is_buffer(napi_env env, napi_value value, bool* result);
napi_status napi_get_buffer_info(napi_env env, napi_value value, void** data, std::size_t* length);
napi_status napi_get_cb_info(napi_env env, napi_callback_info info, std::size_t* argc,
                             napi_value* argv, napi_value* this_value, void** data);
napi_status napi_call_function(napi_env env, napi_value receiver, napi_value function,
                               std::size_t argc, const napi_value* argv, napi_value* result);
napi_status napi_throw(napi_env env, napi_value error);
napi_status napi_get_and_clear_last_exception(napi_env env, napi_value* result);
napi_status napi_create_promise(napi_env env, napi_deferred* deferred, napi_value* promise);
napi_status napi_resolve_deferred(napi_env env, napi_deferred deferred, napi_value value);
napi_status napi_reject_deferred(napi_env env, napi_deferred deferred, napi_value value);
napi_status napi_create_reference(napi_env env, napi_value value, std::uint32_t count,
                                  napi_ref* result);
napi_status napi_get_reference_value(napi_env env, napi_ref reference, napi_value* result);
napi_status napi_delete_reference(napi_env env, napi_ref reference);
napi_status napi_set_instance_data(napi_env env, void* data, napi_finalize finalize, void* hint);
napi_status napi_get_instance_data(napi_env env, void** data);
napi_status napi_create_threadsafe_function(napi_env env, napi_value function,
                                            napi_value async_resource, napi_value async_name,
                                            std::size_t max_queue, std::size_t threads,
                                            void* finalize_data, napi_finalize finalize,
                                            void* context, napi_threadsafe_function_call_js call_js,
                                            napi_threadsafe_function* result);
napi_status napi_call_threadsafe_function(napi_threadsafe_function function, void* data, int mode);
napi_status napi_add_env_cleanup_hook(napi_env env, void (*hook)(void* data), void* data);
napi_status napi_ref_threadsafe_function(napi_env env, napi_threadsafe_function function);
napi_status napi_unref_threadsafe_function(napi_env env, napi_threadsafe_function function);
}
