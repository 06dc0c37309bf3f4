#include "alerts/notify/queue_json.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

namespace inferd::alerts {
namespace {

using Json = nlohmann::ordered_json;

std::int64_t Nanos(WallTime time) { return time.time_since_epoch().count(); }

Json ToJson(const AlertQueue::Item& item) {
  const Notification& n = item.notification;
  Json labels = Json::object(), annotations = Json::object();
  for (const metrics::Label& label : n.labels.pairs()) labels[label.name] = label.value;
  for (const auto& [name, value] : n.annotations) annotations[name] = value;
  return {{"firing", n.status == NotificationStatus::kFiring},
          {"labels", std::move(labels)},
          {"annotations", std::move(annotations)},
          {"starts_at_ns", Nanos(n.starts_at)},
          {"ends_at_ns", Nanos(n.ends_at)},
          {"generator_url", n.generator_url},
          {"fingerprint", n.fingerprint},
          {"waiting", item.waiting}};
}

// The members of an object whose values are texts; nothing for anything else.
std::optional<std::vector<std::pair<std::string, std::string>>> Texts(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_object()) return std::nullopt;
  std::vector<std::pair<std::string, std::string>> texts;
  for (const auto& [name, value] : found->items()) {
    if (!value.is_string()) return std::nullopt;
    texts.emplace_back(name, value.get<std::string>());
  }
  return texts;
}

std::optional<AlertQueue::Item> ItemFromJson(const Json& json) {
  if (!json.is_object()) return std::nullopt;
  const auto is = [&](const char* key, bool (Json::*kind)() const noexcept) { return json.contains(key) && (json[key].*kind)(); };
  const auto labels = Texts(json, "labels");
  const auto annotations = Texts(json, "annotations");
  if (!labels || !annotations || !is("firing", &Json::is_boolean) || !is("waiting", &Json::is_boolean) ||
      !is("starts_at_ns", &Json::is_number_integer) || !is("ends_at_ns", &Json::is_number_integer) ||
      !is("fingerprint", &Json::is_number_unsigned) || !is("generator_url", &Json::is_string)) {
    return std::nullopt;
  }
  AlertQueue::Item item;
  std::vector<metrics::Label> pairs;
  for (const auto& [name, value] : *labels) pairs.push_back({name, value});
  Notification& n = item.notification;
  n.status = json["firing"].get<bool>() ? NotificationStatus::kFiring : NotificationStatus::kResolved;
  n.labels = metrics::Labels::From(std::move(pairs));
  n.annotations = *annotations;
  n.starts_at = WallTime(Duration(json["starts_at_ns"].get<std::int64_t>()));
  n.ends_at = WallTime(Duration(json["ends_at_ns"].get<std::int64_t>()));
  n.generator_url = json["generator_url"].get<std::string>();
  n.fingerprint = json["fingerprint"].get<std::uint64_t>();
  item.waiting = json["waiting"].get<bool>();
  item.told = true;
  return item;
}

}  // namespace

std::string QueuesJson(const QueueItems& items) {
  Json json = Json::object();
  for (const auto& [name, queue] : items) {
    Json array = Json::array();
    for (const AlertQueue::Item& item : queue) array.push_back(ToJson(item));
    json[name] = std::move(array);
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<QueueItems> ParseQueuesJson(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto wrong = [] { return Error(Code::kInvalidArgument, "is not what notifiers have kept"); };
  if (!json.is_object()) return wrong();
  QueueItems items;
  for (const auto& [name, queue] : json.items()) {
    if (!queue.is_array()) return wrong();
    for (const Json& one : queue) {
      auto item = ItemFromJson(one);
      if (!item) return wrong();
      items[name].push_back(std::move(*item));
    }
  }
  return items;
}

}  // namespace inferd::alerts
