// The channels there are (channel.h), each made from its options. Secrets are files, read anew for each delivery, so that one that was
// changed is used at once.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "alerts/notify/channel.h"
#include "runtime/base/clock.h"

namespace inferd::alerts {

// One Alertmanager, API v2. Of a cluster each peer is told, over a channel of its own.
struct AlertmanagerOptions {
  std::string url;                             // http://host:port, or with the path that it is served under
  std::optional<std::string> token_file = {};  // bearer
  std::optional<std::string> ca_file = {};
  Duration timeout = std::chrono::seconds(10);

  bool operator==(const AlertmanagerOptions&) const = default;
};

// Alertmanager's webhook message to any address. Success is 2xx.
struct WebhookOptions {
  std::string url;
  // Signs: X-Inferd-Timestamp has the seconds since 1970, X-Inferd-Signature sha256= and the HMAC-SHA256 of "TIMESTAMP.BODY" in
  // hexadecimal.
  std::optional<std::string> secret_file = {};
  std::optional<std::string> token_file = {};  // Authorization: Bearer
  std::optional<std::string> ca_file = {};
  Duration timeout = std::chrono::seconds(10);

  bool operator==(const WebhookOptions&) const = default;
};

// A command, without a shell: the webhook's message on standard input, what is most looked for in the environment (INFERD_ALERT_...),
// nothing else of the daemon's environment. Success is exit code 0. At `timeout` it is killed with its process group.
struct ExecOptions {
  std::vector<std::string> command;  // a path, and arguments
  Duration timeout = std::chrono::seconds(10);

  bool operator==(const ExecOptions&) const = default;
};

// An entry in systemd's journal for each alert.
struct JournalOptions {
  std::string identifier;  // SYSLOG_IDENTIFIER
  bool operator==(const JournalOptions&) const = default;
};

struct EmailOptions {
  enum class Tls : std::uint8_t { kStartTls, kTls, kNone };
  std::string server;  // host:port
  Tls tls = Tls::kStartTls;
  std::string from;
  std::vector<std::string> to;
  std::optional<std::string> username = {};
  std::optional<std::string> password_file = {};
  std::optional<std::string> ca_file = {};
  Duration timeout = std::chrono::seconds(20);

  bool operator==(const EmailOptions&) const = default;
};

using ChannelOptions = std::variant<AlertmanagerOptions, WebhookOptions, ExecOptions, JournalOptions, EmailOptions>;

// A line that a command wrote to standard output or standard error.
using OutputLine = std::function<void(std::string_view line)>;

// `receiver`: the notifier's name, for the messages. `clock` must outlive the channel.
std::unique_ptr<Channel> MakeChannel(const ChannelOptions& options, const std::string& receiver, const Clock& clock, OutputLine output);

// What a journal entry holds: "NAME=value" each, MESSAGE first. Values are bounded.
inline constexpr std::string_view kFiringMessageId = "3f1b0f4f7f5c4d7c9a6e2b1d8c0a5f01";
inline constexpr std::string_view kResolvedMessageId = "3f1b0f4f7f5c4d7c9a6e2b1d8c0a5f02";
std::vector<std::string> AlertJournalFields(const Notification& alert, std::string_view notifier, std::string_view identifier);

// A whole mail (RFC 5322): headers that no label can add to, and the text. `id` makes the Message-ID unique.
std::string MailText(const Message& message, const EmailOptions& options, WallTime now, std::string_view id);

}  // namespace inferd::alerts
