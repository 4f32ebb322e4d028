#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/policy/policy.h"

namespace rpcaudit::policy {

// The listing of `netsh rpc filter show filter`, in its layout. Layers in their order, filters
// with audit before the others, then by weight, and of equal weight the newest first.
//
// What Windows is known to print of a condition is printed so. Where no listing was ever seen
// (32-bit numbers, ranges, security descriptors) the form is our own, and show_filter_reader.h
// reads it back. Persistence and `auditparameters` are not in the listing. A filter without an id
// gets one by its place in the policy.
[[nodiscard]] std::string print_show_filter(const Policy& policy);

}  // namespace rpcaudit::policy
