// The values and functions of templates; for template.cc. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "metrics/query.h"
#include "runtime/base/status.h"

namespace inferd::alerts {

// "template: WHAT".
tl::unexpected<Status> Wrong(std::string what);

struct RootValue {};  // the dot outside of every block
struct NoValue {};
using QueryValue = std::vector<metrics::QuerySample>;
using TemplateValue = std::variant<NoValue, RootValue, std::string, double, bool, metrics::Labels, QueryValue, metrics::QuerySample>;

// As {{ value }} prints it: a number like Go's %v.
std::string PrintValue(const TemplateValue& value);

// Neither empty nor zero.
bool IsTrue(const TemplateValue& value);

bool IsTemplateFunction(std::string_view name);

// Calls any function but `query`. Fails with what the arguments are lacking.
Result<TemplateValue> CallTemplateFunction(std::string_view name, std::span<const TemplateValue> arguments);

}  // namespace inferd::alerts
