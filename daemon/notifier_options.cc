#include "daemon/notifier_options.h"

#include <optional>
#include <string>
#include <utility>

#include "daemon/service_manager.h"

namespace inferd::daemon {
namespace {

using config::Notifier;

// A file that a key names, or the credential behind it.
Result<std::optional<std::string>> FileOf(const std::optional<std::string>& key) {
  if (!key) return std::optional<std::string>();
  INFERD_ASSIGN_OR_RETURN(std::string path, CredentialPath(*key));
  return std::optional(std::move(path));
}

Result<std::vector<alerts::ChannelOptions>> ChannelsOf(const Notifier& notifier) {
  std::vector<alerts::ChannelOptions> channels;
  if (notifier.channel == "alertmanager") {
    INFERD_ASSIGN_OR_RETURN(const auto token, FileOf(notifier.alertmanager.token_file));
    for (const std::string& url : notifier.alertmanager.url) {
      channels.emplace_back(alerts::AlertmanagerOptions{
          .url = url, .token_file = token, .ca_file = notifier.alertmanager.ca_file, .timeout = notifier.timeout});
    }
  } else if (notifier.channel == "webhook") {
    INFERD_ASSIGN_OR_RETURN(const auto secret, FileOf(notifier.webhook.secret_file));
    INFERD_ASSIGN_OR_RETURN(const auto token, FileOf(notifier.webhook.token_file));
    channels.emplace_back(alerts::WebhookOptions{.url = notifier.webhook.url,
                                                 .secret_file = secret,
                                                 .token_file = token,
                                                 .ca_file = notifier.webhook.ca_file,
                                                 .timeout = notifier.timeout});
  } else if (notifier.channel == "exec") {
    channels.emplace_back(alerts::ExecOptions{.command = notifier.exec.command, .timeout = notifier.timeout});
  } else if (notifier.channel == "journal") {
    channels.emplace_back(alerts::JournalOptions{.identifier = notifier.journal.identifier});
  } else {
    using Tls = alerts::EmailOptions::Tls;
    const Notifier::Email& email = notifier.email;
    INFERD_ASSIGN_OR_RETURN(const auto password, FileOf(email.password_file));
    channels.emplace_back(alerts::EmailOptions{.server = email.server,
                                               .tls = email.tls == "tls"    ? Tls::kTls
                                                      : email.tls == "none" ? Tls::kNone
                                                                            : Tls::kStartTls,
                                               .from = email.from,
                                               .to = email.to,
                                               .username = email.username,
                                               .password_file = password,
                                               .ca_file = email.ca_file,
                                               .timeout = notifier.timeout});
  }
  return channels;
}

alerts::QueueOptions QueueOf(const Notifier& notifier) {
  alerts::QueueOptions queue;
  queue.send_resolved = notifier.send_resolved;
  queue.capacity = static_cast<std::size_t>(notifier.queue);
  if (notifier.channel == "alertmanager") {
    queue.refresh = true;  // what it does not hear of again is over for it
  } else if (notifier.channel == "journal") {
    queue.group_by = {std::string(alerts::kGroupByAll)};
  } else {
    queue.group_by = notifier.group_by;
    queue.group_wait = notifier.group_wait;
    queue.group_interval = notifier.group_interval;
    queue.repeat_interval = notifier.repeat_interval;
  }
  return queue;
}

}  // namespace

Result<std::vector<alerts::NotifierOptions>> NotifierOptionsOf(const config::Alerts& config) {
  std::vector<alerts::NotifierOptions> all;
  for (const Notifier& notifier : config.notify) {
    auto channels = ChannelsOf(notifier);
    if (!channels) return Error(channels.error().code, "alerts.notify, " + notifier.shown_name() + ": " + channels.error().message);
    all.push_back({.name = notifier.shown_name(), .channels = std::move(*channels), .queue = QueueOf(notifier)});
  }
  return all;
}

}  // namespace inferd::daemon
