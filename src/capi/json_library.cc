// SPDX-License-Identifier: Apache-2.0
//
// Boost.JSON, compiled into libcotter.so: the distribution's static library is not position
// independent, and its shared one would be one more library for every program that binds to ours.
// Takes some 8 CPU-seconds, once.
#include <boost/json/src.hpp>
