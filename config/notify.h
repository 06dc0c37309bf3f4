// The keys of alerts.notify, a part of the table (config/table.h), and what is checked of its entries together.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "config/table.h"

namespace inferd::config {

std::span<const Key> NotifyKeys();
ListKey NotifyList();

// `given(name)`: whether a key of that full name was written down; `report(name, message)` takes a fault.
void CheckNotify(const Config& config, const std::function<bool(const std::string& name)>& given,
                 const std::function<void(const std::string& name, const std::string& message)>& report);

}  // namespace inferd::config
