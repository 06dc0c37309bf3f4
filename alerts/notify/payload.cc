#include "alerts/notify/payload.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <optional>

#include "alerts/notify/json_text.h"

namespace inferd::alerts {
namespace {

// What Alertmanager's webhooks say of an end that has not come: Go's zero time.
constexpr std::string_view kNoTime = "0001-01-01T00:00:00Z";

Json LabelsJson(const metrics::Labels& labels) {
  Json json = Json::object();
  for (const metrics::Label& label : labels.pairs()) json[label.name] = label.value;
  return json;
}

Json AnnotationsJson(const std::vector<std::pair<std::string, std::string>>& annotations) {
  Json json = Json::object();
  for (const auto& [name, value] : annotations) json[name] = value;
  return json;
}

std::string_view StatusName(NotificationStatus status) { return status == NotificationStatus::kFiring ? "firing" : "resolved"; }

std::string Hex(std::span<const unsigned char> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 15U];
  }
  return text;
}

}  // namespace

std::string Rfc3339(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto millis = std::chrono::floor<std::chrono::milliseconds>(time - seconds).count();
  const std::time_t whole = seconds.time_since_epoch().count();
  std::tm parts{};
  ::gmtime_r(&whole, &parts);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                parts.tm_hour, parts.tm_min, parts.tm_sec, static_cast<int>(millis));
  return text.data();
}

std::optional<WallTime> ParseRfc3339(std::string_view text) {
  const std::string copy(text);
  std::tm parts{};
  int read = 0;
  if (std::sscanf(copy.c_str(), "%4d-%2d-%2d%*1[Tt]%2d:%2d:%2d%n", &parts.tm_year, &parts.tm_mon, &parts.tm_mday, &parts.tm_hour,
                  &parts.tm_min, &parts.tm_sec, &read) != 6 ||
      read != 19) {
    return std::nullopt;
  }
  const bool in_range = parts.tm_year >= 1970 && parts.tm_year < 2200 && parts.tm_mon >= 1 && parts.tm_mon <= 12 && parts.tm_mday >= 1 &&
                        parts.tm_mday <= 31 && parts.tm_hour >= 0 && parts.tm_hour <= 23 && parts.tm_min >= 0 && parts.tm_min <= 59 &&
                        parts.tm_sec >= 0 && parts.tm_sec <= 60;
  if (!in_range) return std::nullopt;
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  std::string_view rest = text.substr(static_cast<std::size_t>(read));
  std::int64_t nanos = 0;
  if (rest.starts_with('.')) {
    std::int64_t unit = 100'000'000;
    std::size_t digits = 1;
    for (; digits < rest.size() && rest[digits] >= '0' && rest[digits] <= '9'; ++digits, unit /= 10) nanos += (rest[digits] - '0') * unit;
    if (digits == 1) return std::nullopt;
    rest.remove_prefix(digits);
  }
  std::int64_t offset = 0;
  if (rest != "Z" && rest != "z") {
    int hours = 0;
    int minutes = 0;
    char sign = 0;
    const std::string zone(rest);
    if (zone.size() != 6 || std::sscanf(zone.c_str(), "%c%2d:%2d", &sign, &hours, &minutes) != 3 || (sign != '+' && sign != '-') ||
        hours > 23 || minutes > 59) {
      return std::nullopt;
    }
    offset = (sign == '-' ? -1 : 1) * (std::int64_t{hours} * 3600 + std::int64_t{minutes} * 60);
  }
  return WallTime(std::chrono::seconds(::timegm(&parts) - offset) + Duration(nanos));
}

std::string FingerprintText(std::uint64_t fingerprint) {
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(fingerprint));
  return text.data();
}

std::string AlertmanagerAlerts(std::span<const Notification> alerts) {
  Json array = Json::array();
  for (const Notification& alert : alerts) {
    Json json{{"labels", LabelsJson(alert.labels)},
              {"annotations", AnnotationsJson(alert.annotations)},
              {"startsAt", Rfc3339(alert.starts_at)},
              {"endsAt", Rfc3339(alert.ends_at)}};
    if (!alert.generator_url.empty()) json["generatorURL"] = alert.generator_url;
    array.push_back(std::move(json));
  }
  return Dump(array);
}

std::string WebhookBody(const Message& message, std::string_view receiver) {
  Json alerts = Json::array();
  for (const Notification& alert : message.alerts) {
    const bool firing = alert.status == NotificationStatus::kFiring;
    alerts.push_back({{"status", StatusName(alert.status)},
                      {"labels", LabelsJson(alert.labels)},
                      {"annotations", AnnotationsJson(alert.annotations)},
                      {"startsAt", Rfc3339(alert.starts_at)},
                      {"endsAt", firing ? std::string(kNoTime) : Rfc3339(alert.ends_at)},
                      {"generatorURL", alert.generator_url},
                      {"fingerprint", FingerprintText(alert.fingerprint)}});
  }
  const Json body{{"version", "4"},
                  {"groupKey", "{}:" + message.group.ToString()},
                  {"truncatedAlerts", message.truncated},
                  {"status", message.firing() ? "firing" : "resolved"},
                  {"receiver", std::string(receiver)},
                  {"groupLabels", LabelsJson(message.group)},
                  {"commonLabels", LabelsJson(CommonLabels(message))},
                  {"commonAnnotations", AnnotationsJson(CommonAnnotations(message))},
                  {"externalURL", ""},
                  {"alerts", std::move(alerts)}};
  return Dump(body);
}

std::string HmacSha256(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  ::HMAC(::EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         digest.data(), &size);
  return Hex({digest.data(), size});
}

metrics::Labels CommonLabels(const Message& message) {
  std::vector<metrics::Label> common;
  for (const metrics::Label& label : message.alerts.front().labels.pairs()) {
    if (std::all_of(message.alerts.begin(), message.alerts.end(),
                    [&](const Notification& alert) { return alert.labels.Get(label.name) == label.value; })) {
      common.push_back(label);
    }
  }
  return metrics::Labels::From(std::move(common));
}

std::vector<std::pair<std::string, std::string>> CommonAnnotations(const Message& message) {
  std::vector<std::pair<std::string, std::string>> common;
  for (const auto& annotation : message.alerts.front().annotations) {
    if (std::all_of(message.alerts.begin(), message.alerts.end(),
                    [&](const Notification& alert) { return Annotation(alert, annotation.first) == annotation.second; })) {
      common.push_back(annotation);
    }
  }
  return common;
}

std::string_view Annotation(const Notification& notification, std::string_view name) {
  for (const auto& [key, value] : notification.annotations) {
    if (key == name) return value;
  }
  return {};
}

std::string Headline(const Message& message) {
  const std::size_t firing = message.count(NotificationStatus::kFiring) + message.truncated;
  std::string text = firing > 0 ? "[FIRING:" + std::to_string(firing) + "]" : "[RESOLVED]";
  const metrics::Labels common = CommonLabels(message);
  const std::string_view name = common.Get("alertname");
  text += name.empty() ? " " + std::to_string(message.alerts.size()) + " alerts" : " " + std::string(name);
  if (const std::string_view severity = common.Get("severity"); !severity.empty()) text += " (" + std::string(severity) + ")";
  return text;
}

std::string Text(const Message& message) {
  std::string text;
  for (const Notification& alert : message.alerts) {
    const bool firing = alert.status == NotificationStatus::kFiring;
    text += (firing ? "FIRING " : "RESOLVED ") + std::string(alert.labels.Get("alertname")) + "\n";
    for (const auto& [name, value] : alert.annotations) text.append("  ").append(name).append(": ").append(value).append("\n");
    text += "  labels: " + alert.labels.ToString() + "\n  since: " + Rfc3339(alert.starts_at) + "\n";
    if (!firing) text += "  until: " + Rfc3339(alert.ends_at) + "\n";
    if (!alert.generator_url.empty()) text += "  " + alert.generator_url + "\n";
    text += "\n";
  }
  if (message.truncated > 0) text += "and " + std::to_string(message.truncated) + " more that fire as before\n";
  return text;
}

}  // namespace inferd::alerts
