#include "alerts/notify/channels.h"

#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <utility>

#include "alerts/notify/command.h"
#include "alerts/notify/payload.h"
#include "alerts/notify/transfer.h"
#include "runtime/base/errno_text.h"
#include "runtime/base/utf8.h"

namespace inferd::alerts {
namespace {

std::string WithPath(std::string_view url, std::string_view path) {
  while (url.ends_with('/')) url.remove_suffix(1);
  return std::string(url) + std::string(path);
}

Result<> AddToken(const std::optional<std::string>& file, std::vector<std::string>& headers) {
  if (!file) return {};
  INFERD_ASSIGN_OR_RETURN(const std::string token, ReadSecret(*file));
  headers.push_back("Authorization: Bearer " + token);
  return {};
}

class AlertmanagerChannel final : public Channel {
 public:
  explicit AlertmanagerChannel(AlertmanagerOptions options)
      : options_(std::move(options)), endpoint_{WithPath(options_.url, "/api/v2/alerts"), options_.ca_file, options_.timeout} {}

  Result<> Deliver(const Message& message, const StopSignal& stop) override {
    std::vector<std::string> headers;
    INFERD_RETURN_IF_ERROR(AddToken(options_.token_file, headers));
    return transfers_.Post(endpoint_, AlertmanagerAlerts(message.alerts), headers, stop);
  }

 private:
  const AlertmanagerOptions options_;
  const Endpoint endpoint_;
  Transfers transfers_;
};

class WebhookChannel final : public Channel {
 public:
  WebhookChannel(WebhookOptions options, std::string receiver, const Clock& clock)
      : options_(std::move(options)),
        receiver_(std::move(receiver)),
        clock_(clock),
        endpoint_{options_.url, options_.ca_file, options_.timeout} {}

  Result<> Deliver(const Message& message, const StopSignal& stop) override {
    const std::string body = WebhookBody(message, receiver_);
    std::vector<std::string> headers;
    INFERD_RETURN_IF_ERROR(AddToken(options_.token_file, headers));
    if (options_.secret_file) {
      INFERD_ASSIGN_OR_RETURN(const std::string secret, ReadSecret(*options_.secret_file));
      // With the time, so that a receiver can refuse what somebody has kept and sends again.
      const auto now = std::chrono::duration_cast<std::chrono::seconds>(clock_.WallNow().time_since_epoch());
      const std::string timestamp = std::to_string(now.count());
      headers.push_back("X-Inferd-Timestamp: " + timestamp);
      headers.push_back("X-Inferd-Signature: sha256=" + HmacSha256(secret, timestamp + "." + body));
    }
    return transfers_.Post(endpoint_, body, headers, stop);
  }

 private:
  const WebhookOptions options_;
  const std::string receiver_;
  const Clock& clock_;
  const Endpoint endpoint_;
  Transfers transfers_;
};

class ExecChannel final : public Channel {
 public:
  ExecChannel(ExecOptions options, std::string receiver, OutputLine output)
      : options_(std::move(options)), receiver_(std::move(receiver)), output_(std::move(output)) {}

  Result<> Deliver(const Message& message, const StopSignal& stop) override {
    const metrics::Labels common = CommonLabels(message);
    const Command command{
        .arguments = options_.command,
        .environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "INFERD_NOTIFIER=" + receiver_,
                        "INFERD_ALERT_STATUS=" + std::string(message.firing() ? "firing" : "resolved"),
                        "INFERD_ALERT_NAME=" + std::string(common.Get("alertname")),
                        "INFERD_ALERT_SEVERITY=" + std::string(common.Get("severity")), "INFERD_ALERT_SUMMARY=" + Headline(message),
                        "INFERD_ALERTS_FIRING=" + std::to_string(message.count(NotificationStatus::kFiring) + message.truncated),
                        "INFERD_ALERTS_RESOLVED=" + std::to_string(message.count(NotificationStatus::kResolved))},
        .input = WebhookBody(message, receiver_),
        .timeout = options_.timeout};
    return RunCommand(command, output_, stop);
  }

 private:
  const ExecOptions options_;
  const std::string receiver_;
  const OutputLine output_;
};

class JournalChannel final : public Channel {
 public:
  JournalChannel(JournalOptions options, std::string receiver) : options_(std::move(options)), receiver_(std::move(receiver)) {}

  Result<> Deliver(const Message& message, const StopSignal&) override {
    // sd_journal_sendv says that all is well where there is no journal.
    if (::access("/run/systemd/journal/socket", F_OK) != 0) return Error(Code::kUnavailable, "there is no systemd journal on this machine");
    for (const Notification& alert : message.alerts) {
      std::vector<std::string> fields = AlertJournalFields(alert, receiver_, options_.identifier);
      std::vector<iovec> parts;
      parts.reserve(fields.size());
      for (std::string& field : fields) parts.push_back({field.data(), field.size()});
      if (const int error = ::sd_journal_sendv(parts.data(), static_cast<int>(parts.size())); error < 0) {
        return Error(Code::kIo, std::string("the journal does not take it: ") + ErrnoText(-error));
      }
    }
    return {};
  }

 private:
  const JournalOptions options_;
  const std::string receiver_;
};

class EmailChannel final : public Channel {
 public:
  EmailChannel(EmailOptions options, const Clock& clock)
      : options_(std::move(options)),
        clock_(clock),
        endpoint_{(options_.tls == EmailOptions::Tls::kTls ? "smtps://" : "smtp://") + options_.server, options_.ca_file,
                  options_.timeout} {}

  Result<> Deliver(const Message& message, const StopSignal& stop) override {
    Mail mail{.from = options_.from,
              .to = options_.to,
              .text = {},
              .username = options_.username.value_or(""),
              .password = {},
              .require_tls = options_.tls != EmailOptions::Tls::kNone};
    if (options_.password_file) {
      INFERD_ASSIGN_OR_RETURN(mail.password, ReadSecret(*options_.password_file));
    }
    const WallTime now = clock_.WallNow();
    mail.text = MailText(message, options_, now, std::to_string(now.time_since_epoch().count()) + "." + std::to_string(::getpid()));
    return transfers_.Send(endpoint_, mail, stop);
  }

 private:
  const EmailOptions options_;
  const Clock& clock_;
  const Endpoint endpoint_;
  Transfers transfers_;
};

// A journal field's name: capitals, digits and underscores, at most 64 (systemd.journal-fields(7)).
std::string FieldName(std::string_view prefix, std::string_view label) {
  std::string name(prefix);
  for (const char c : label) {
    const auto byte = static_cast<unsigned char>(c);
    name += byte < 0x80 && std::isalnum(byte) != 0 ? static_cast<char>(std::toupper(byte)) : '_';
  }
  return name.substr(0, 64);
}

constexpr std::size_t kMaxField = 2048;

std::string Bounded(std::string_view text) { return ReplaceInvalidUtf8(text.substr(0, kMaxField)); }

// syslog(3): 2 critical, 4 warning, 5 notice, 6 informational.
char PriorityOf(const Notification& alert) {
  if (alert.status == NotificationStatus::kResolved) return '5';
  const std::string_view severity = alert.labels.Get("severity");
  if (severity == "critical" || severity == "page") return '2';
  return severity == "info" ? '6' : '4';
}

}  // namespace

std::vector<std::string> AlertJournalFields(const Notification& alert, std::string_view notifier, std::string_view identifier) {
  const bool firing = alert.status == NotificationStatus::kFiring;
  const std::string_view summary = Annotation(alert, "summary");
  const std::string name = Bounded(alert.labels.Get("alertname"));
  std::vector<std::string> fields{
      "MESSAGE=" + std::string(firing ? "firing: " : "resolved: ") + name + (summary.empty() ? std::string() : ": " + Bounded(summary)),
      "MESSAGE_ID=" + std::string(firing ? kFiringMessageId : kResolvedMessageId),
      std::string("PRIORITY=") + PriorityOf(alert),
      "SYSLOG_IDENTIFIER=" + std::string(identifier),
      "INFERD_NOTIFIER=" + std::string(notifier),
      "INFERD_ALERT=" + name,
      "INFERD_ALERT_STATUS=" + std::string(firing ? "firing" : "resolved"),
      "INFERD_ALERT_SEVERITY=" + Bounded(alert.labels.Get("severity")),
      "INFERD_ALERT_FINGERPRINT=" + FingerprintText(alert.fingerprint),
      "INFERD_ALERT_STARTS_AT=" + Rfc3339(alert.starts_at)};
  if (!firing) fields.push_back("INFERD_ALERT_ENDS_AT=" + Rfc3339(alert.ends_at));
  for (const metrics::Label& label : alert.labels.pairs()) {
    if (label.name != "alertname" && label.name != "severity")
      fields.push_back(FieldName("INFERD_LABEL_", label.name) + "=" + Bounded(label.value));
  }
  for (const auto& [key, value] : alert.annotations) fields.push_back(FieldName("INFERD_ANNOTATION_", key) + "=" + Bounded(value));
  return fields;
}

std::unique_ptr<Channel> MakeChannel(const ChannelOptions& options, const std::string& receiver, const Clock& clock, OutputLine output) {
  struct Maker {
    const std::string& receiver;
    const Clock& clock;
    OutputLine& output;
    std::unique_ptr<Channel> operator()(const AlertmanagerOptions& o) const { return std::make_unique<AlertmanagerChannel>(o); }
    std::unique_ptr<Channel> operator()(const WebhookOptions& o) const { return std::make_unique<WebhookChannel>(o, receiver, clock); }
    std::unique_ptr<Channel> operator()(const ExecOptions& o) const {
      return std::make_unique<ExecChannel>(o, receiver, std::move(output));
    }
    std::unique_ptr<Channel> operator()(const JournalOptions& o) const { return std::make_unique<JournalChannel>(o, receiver); }
    std::unique_ptr<Channel> operator()(const EmailOptions& o) const { return std::make_unique<EmailChannel>(o, clock); }
  };
  return std::visit(Maker{receiver, clock, output}, options);
}

}  // namespace inferd::alerts
