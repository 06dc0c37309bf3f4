// What receivers are sent: JSON in the shapes of Alertmanager, and the text for people. Pure functions. Text that is not UTF-8 is sent with
// U+FFFD in its place.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "alerts/notify/channel.h"
#include "runtime/base/clock.h"

namespace inferd::alerts {

// RFC 3339 in UTC with milliseconds.
std::string Rfc3339(WallTime time);
// Nothing for what is not RFC 3339. Any offset, any number of digits behind the second.
std::optional<WallTime> ParseRfc3339(std::string_view text);

// 16 hexadecimal digits.
std::string FingerprintText(std::uint64_t fingerprint);

// The body of POST /api/v2/alerts (https://github.com/prometheus/alertmanager, api/v2/openapi.yaml, postableAlerts).
std::string AlertmanagerAlerts(std::span<const Notification> alerts);

// The body of Alertmanager's webhook, version 4 (https://prometheus.io/docs/alerting/latest/configuration/, webhook_config). `receiver` is
// the notifier's name.
std::string WebhookBody(const Message& message, std::string_view receiver);

// HMAC-SHA256 (RFC 2104) in hexadecimal.
std::string HmacSha256(std::string_view key, std::string_view text);

// Labels and annotations that all alerts of a message share.
metrics::Labels CommonLabels(const Message& message);
std::vector<std::pair<std::string, std::string>> CommonAnnotations(const Message& message);

// One line, such as "[FIRING:2] InferdQueueDeep (critical)".
std::string Headline(const Message& message);
// Each alert with what a person wants to know of it.
std::string Text(const Message& message);

// An annotation's value, or an empty text.
std::string_view Annotation(const Notification& notification, std::string_view name);

}  // namespace inferd::alerts
