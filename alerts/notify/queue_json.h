// What notifiers have told and have still to tell, in the form in which it outlives a restart. Pure functions.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "alerts/notify/alert_queue.h"
#include "runtime/base/status.h"

namespace inferd::alerts {

using QueueItems = std::map<std::string, std::vector<AlertQueue::Item>>;  // by the notifier's name

std::string QueuesJson(const QueueItems& items);
// kInvalidArgument for anything else than what QueuesJson gives. An alert that was waiting to be told may have been told in the meantime:
// it counts as told.
Result<QueueItems> ParseQueuesJson(std::string_view text);

}  // namespace inferd::alerts
